/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

/*
 * What miltertest cannot say: header values without a leading space, empty
 * bodies, long headers, large bodies, NUL, rubbish.
 *
 *	rawcases -s SOCKET -d FOLDER -p PID
 *
 * against a milter_host with suite.conf, whose folder and process these are.
 */
/* Of an MTA that waits for an answer to each MAIL. */
#define STEPS_ALL 0x1fbffful
#define EOM_MS    15000

static const char *socket_name, *folder, *pid;
static unsigned serial;

struct piece {
	const char *data;
	size_t len;
};

struct message {
	const char *const (*fields)[2]; /* ends with NULL */
	const struct piece *body;       /* ends with NULL */
	const char *rcpt;               /* NULL: <ok@example.org> */
	int bare;                       /* neither DATA nor end of header */
};

static void
next_id(char id[32])
{
	snprintf(id, 32, "RAW%u", ++serial);
}

/* On an open connection; the reply to the end of message. */
static int
deliver(struct raw *raw, const char *id, const struct message *m,
    struct raw_reply *reply)
{
	const char *rcpt = m->rcpt == NULL ? "<ok@example.org>" : m->rcpt;
	char answer;

	if (raw_envelope(raw, rcpt, &answer) != 0 || answer != 'c' ||
	    (!m->bare && (raw_data(raw, id, &answer) != 0 || answer != 'c')))
		return -1;
	for (size_t i = 0; m->fields != NULL && m->fields[i][0] != NULL; i++)
		if (raw_header(raw, m->fields[i][0], m->fields[i][1]) != 0)
			return -1;
	if (!m->bare && raw_ask(raw, 'N', NULL, reply) != 0)
		return -1;
	for (size_t i = 0; m->body != NULL && m->body[i].data != NULL; i++)
		if (raw_body(raw, m->body[i].data, m->body[i].len) != 0)
			return -1;
	if (raw_queue_id(raw, 'E', id) != 0 || raw_send(raw, 'E', NULL, 0) != 0)
		return -1;
	return raw_read(raw, reply, EOM_MS, NULL);
}

/* The content that a peer was sent, without the envelope before it. */
static char *
shadow(const char *id, size_t *len)
{
	char path[700], line[4096], *data = NULL;
	FILE *f = NULL;
	long at = 0, end;

	for (int peer = 0; f == NULL && peer < 2; peer++) {
		snprintf(path, sizeof(path), "%s/%s.%d", folder, id, peer);
		f = fopen(path, "r");
	}
	if (f == NULL)
		return NULL;
	while (fgets(line, sizeof(line), f) != NULL &&
	       (strncmp(line, "CLIENT", 6) == 0 ||
		   strncmp(line, "MAIL ", 5) == 0 ||
		   strncmp(line, "RCPT ", 5) == 0))
		at = ftell(f);
	if (fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= at &&
	    fseek(f, at, SEEK_SET) == 0 &&
	    (data = malloc((size_t)(end - at) + 1)) != NULL) {
		*len = fread(data, 1, (size_t)(end - at), f);
		data[*len] = '\0';
	}
	fclose(f);
	return data;
}

static int
sent_as(const struct message *m, const char *want, size_t want_len)
{
	struct raw raw;
	struct raw_reply reply;
	char id[32], *got;
	size_t len = 0;
	int rc = -1;

	next_id(id);
	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	if (raw_greet(&raw) == 0 && deliver(&raw, id, m, &reply) == 0 &&
	    reply.command == 'a') {
		got = shadow(id, &len);
		if (got != NULL && len == want_len &&
		    memcmp(got, want, len) == 0)
			rc = 0;
		else
			printf("%s: %zu bytes, not the expected %zu\n", id, len,
			    want_len);
		free(got);
	}
	raw_close(&raw);
	return rc;
}

static int
beginnings_of_a_header_value(void)
{
	static const char *const fields[][2] = { { "A", "none" },
		{ "B", " one" }, { "C", "   three" }, { "D", "\ttab" },
		{ "E", "" }, { "F", " " }, { "G", "\n fold first" },
		{ "H", " a\n\tb\n  c" }, { NULL, NULL } };
	static const char want[] =
	    "A:none\r\nB: one\r\nC:   three\r\nD:\ttab\r\nE:\r\nF: \r\n"
	    "G:\r\n fold first\r\nH: a\r\n\tb\r\n  c\r\n\r\n";
	const struct message m = { .fields = fields };

	return sent_as(&m, want, sizeof(want) - 1);
}

static int
empty_body(void)
{
	static const char *const fields[][2] = { { "A", " b" },
		{ NULL, NULL } };
	const struct message m = { .fields = fields };

	return sent_as(&m, "A: b\r\n\r\n", 8);
}

static int
nothing_at_all(void)
{
	const struct message m = { .bare = 1 };

	return sent_as(&m, "\r\n", 2);
}

/* The policy wants no shadow, and there is no DATA to say so at. */
static int
unasked_without_data(void)
{
	const struct message m = { .rcpt = "<gone@none.example>", .bare = 1 };
	struct raw raw;
	struct raw_reply reply;
	char id[32];
	int rc = -1;

	next_id(id);
	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	if (raw_greet(&raw) == 0 && deliver(&raw, id, &m, &reply) == 0 &&
	    reply.command == 'a')
		rc = 0;
	raw_close(&raw);
	return rc;
}

static int
body_with_every_byte(void)
{
	static char want[2 + 256 + 7];
	static const struct piece body[] = { { want + 2, 256 }, { want + 2, 7 },
		{ NULL, 0 } };
	const struct message m = { .body = body };

	memcpy(want, "\r\n", 2);
	for (int i = 0; i < 256; i++)
		want[2 + i] = (char)i;
	memcpy(want + 258, want + 2, 7);
	return sent_as(&m, want, sizeof(want));
}

/* Chunks as Postfix cuts them. */
static int
large_body(void)
{
	static char chunk[65535];
	static struct piece body[] = { { chunk, sizeof(chunk) },
		{ chunk, sizeof(chunk) }, { chunk, sizeof(chunk) },
		{ chunk, 12345 }, { NULL, 0 } };
	const struct message m = { .body = body };
	size_t len = 2 + 3 * sizeof(chunk) + 12345, at = 2;
	char *want = malloc(len);
	int rc;

	if (want == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = (char)(i * 7 + i / 509);
	memcpy(want, "\r\n", 2);
	for (size_t i = 0; i < 4; at += body[i].len, i++)
		memcpy(want + at, chunk, body[i].len);
	rc = sent_as(&m, want, len);
	free(want);
	return rc;
}

/* Name and value together have the limit of suite.conf.in, 32K. */
static int
header_at_the_limit(void)
{
	static char value[32768], want[32768 + 8];
	static const char *const fields[][2] = { { "A", value },
		{ NULL, NULL } };
	const struct message m = { .fields = fields };

	memset(value, 'x', 32767);
	snprintf(want, sizeof(want), "A:%s\r\n\r\n", value);
	return sent_as(&m, want, 32767 + 6);
}

static int
header_over_the_limit(void)
{
	static char value[32769];
	static const char *const fields[][2] = { { "A", value },
		{ NULL, NULL } };
	const struct message m = { .fields = fields };
	struct raw raw;
	struct raw_reply reply;
	char id[32];
	int rc = -1;

	memset(value, 'x', 32768);
	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	next_id(id);
	if (raw_greet(&raw) == 0 && deliver(&raw, id, &m, &reply) == 0 &&
	    reply.command == 'y' && strncmp(reply.data, "552 5.3.4 ", 10) == 0)
		rc = 0;
	raw_close(&raw);
	return rc;
}

/* More than max_message: refused, and the connection goes on. */
static int
message_over_the_limit(void)
{
	static char chunk[65535];
	static struct piece body[70];
	struct message m = { .body = body };
	struct raw raw;
	struct raw_reply reply;
	char id[32];
	int rc = -1;

	for (size_t i = 0; i < 69; i++)
		body[i] = (struct piece){ chunk, sizeof(chunk) };
	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	next_id(id);
	if (raw_greet(&raw) == 0 && deliver(&raw, id, &m, &reply) == 0 &&
	    reply.command == 'y' &&
	    strncmp(reply.data, "552 5.3.4 ", 10) == 0) {
		m.body = NULL;
		next_id(id);
		if (deliver(&raw, id, &m, &reply) == 0 && reply.command == 'a')
			rc = 0;
	}
	raw_close(&raw);
	return rc;
}

static int
overlong_recipient(void)
{
	static const char *const mail[] = { "<a@example.net>", NULL };
	char address[2000];
	const char *const rcpt[] = { address, NULL };
	struct raw raw;
	struct raw_reply reply;
	int rc = -1;

	memset(address, 'a', sizeof(address));
	address[0] = '<';
	memcpy(address + sizeof(address) - 7, "@x.ex>", 7);
	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	if (raw_greet(&raw) == 0 && raw_ask(&raw, 'M', mail, &reply) == 0 &&
	    reply.command == 'c' && raw_ask(&raw, 'R', rcpt, &reply) == 0 &&
	    reply.command == 'y' && strncmp(reply.data, "501 5.5.4 ", 10) == 0)
		rc = 0;
	raw_close(&raw);
	return rc;
}

/* What miltertest does not show of a reply to RCPT: code and text. */
static int
conflict_is_452_4_5_3(void)
{
	static const char *const mail[] = { "<a@example.net>", NULL };
	static const char *const tokyo[] = { "<ok@tokyo.example>", NULL };
	static const char *const osaka[] = { "<ok@osaka.example>", NULL };
	struct raw raw;
	struct raw_reply reply;
	int rc = -1;

	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	if (raw_greet(&raw) == 0 && raw_ask(&raw, 'M', mail, &reply) == 0 &&
	    raw_ask(&raw, 'R', tokyo, &reply) == 0 && reply.command == 'c' &&
	    raw_ask(&raw, 'R', osaka, &reply) == 0 && reply.command == 'y' &&
	    strncmp(reply.data, "452 4.5.3 ", 10) == 0)
		rc = 0;
	raw_close(&raw);
	return rc;
}

/* Five are allowed. */
static int
sixth_recipient_is_452_4_5_3(void)
{
	static const char *const mail[] = { "<a@example.net>", NULL };
	static const char *const rcpt[] = { "<ok@example.org>", NULL };
	struct raw raw;
	struct raw_reply reply;
	int good, rc = -1;

	if (raw_open(&raw, socket_name, STEPS_ALL) != 0)
		return -1;
	good = raw_greet(&raw) == 0 && raw_ask(&raw, 'M', mail, &reply) == 0;
	for (int i = 0; good && i < 5; i++)
		good = raw_ask(&raw, 'R', rcpt, &reply) == 0 &&
		       reply.command == 'c';
	if (good && raw_ask(&raw, 'R', rcpt, &reply) == 0 &&
	    reply.command == 'y' && strncmp(reply.data, "452 4.5.3 ", 10) == 0)
		rc = 0;
	raw_close(&raw);
	return rc;
}

static size_t
descriptors(void)
{
	char path[64];
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	d = opendir(path);
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

static void
rubbish(unsigned round)
{
	char bytes[512];
	int fd = raw_connect_only(socket_name);

	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(rand() >> 7);
	if (round % 3 == 1)
		memcpy(bytes, "\0\0\0\15O\0\0\0\6\0\0\1\377\0\37\377\377", 17);
	if (round % 3 == 2)
		memcpy(bytes, "\177\377\377\377", 4);
	(void)send(fd, bytes, sizeof(bytes) - round % 100, MSG_NOSIGNAL);
	close(fd);
}

/* Probes, half commands and noise leave nothing behind. */
static int
rubbish_leaves_nothing(void)
{
	const struct timespec pause = { 0, 100000000 };
	const struct message m = { .rcpt = NULL };
	size_t before = descriptors(), after = 0;

	srand(4711);
	for (unsigned i = 0; i < 300; i++)
		rubbish(i);
	for (int i = 0; i < 300; i++)
		close(raw_connect_only(socket_name));
	for (int i = 0; i < 100; i++) {
		after = descriptors();
		if (after <= before + 1)
			break;
		nanosleep(&pause, NULL);
	}
	if (before == 0 || after > before + 1) {
		printf("descriptors: %zu before, %zu after\n", before, after);
		return -1;
	}
	return sent_as(&m, "\r\n", 2);
}

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	{ "beginnings_of_a_header_value", beginnings_of_a_header_value },
	{ "empty_body", empty_body },
	{ "nothing_at_all", nothing_at_all },
	{ "unasked_without_data", unasked_without_data },
	{ "body_with_every_byte", body_with_every_byte },
	{ "large_body", large_body },
	{ "header_at_the_limit", header_at_the_limit },
	{ "header_over_the_limit", header_over_the_limit },
	{ "message_over_the_limit", message_over_the_limit },
	{ "overlong_recipient", overlong_recipient },
	{ "conflict_is_452_4_5_3", conflict_is_452_4_5_3 },
	{ "sixth_recipient_is_452_4_5_3", sixth_recipient_is_452_4_5_3 },
	{ "rubbish_leaves_nothing", rubbish_leaves_nothing },
};

int
main(int argc, char **argv)
{
	int c, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt(argc, argv, "s:d:p:")) != -1) {
		if (c == 's')
			socket_name = optarg;
		else if (c == 'd')
			folder = optarg;
		else if (c == 'p')
			pid = optarg;
		else
			return 64;
	}
	if (socket_name == NULL || folder == NULL || pid == NULL)
		return 64;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int rc = cases[i].run();

		printf("%s %s\n", rc == 0 ? "ok  " : "FAIL", cases[i].name);
		failed += rc != 0;
	}
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
