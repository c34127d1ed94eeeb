/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_text.h"

/* ---- queue show ---- */

static void
print_text(const struct record *r, const char *path, const char *label)
{
	const char *text = record_text(r, path);
	char out[1200];

	if (text != NULL && text[0] != '\0')
		printf("%-12s  %s\n", label, text_show(out, sizeof(out), text));
}

static const char *
rcpt_word(const char *state)
{
	if (state == NULL)
		return "?";
	switch (state[0]) {
	case 'o':
		return "open";
	case 'h':
		return "handed";
	case 'r':
		return "refused";
	default:
		return "?";
	}
}

static void
print_recipients(const struct record *r)
{
	char out[1200];

	for (size_t i = 0; i < record_count(r, "to"); i++) {
		const struct record *to = record_item(r, "to", i);
		const char *address =
		    to == NULL ? NULL : record_text(to, "address");

		if (address != NULL)
			printf("%-12s  %s  %s\n", "to",
			    text_show(out, sizeof(out), address),
			    rcpt_word(record_text(to, "state")));
	}
}

static void
print_holders(const struct record *r)
{
	char out[300];

	if (record_count(r, "holders") == 0)
		return;
	printf("%-12s ", "holders");
	for (size_t i = 0; i < record_count(r, "holders"); i++) {
		const char *word = record_word(r, "holders", i);

		printf(" %s",
		    text_show(out, sizeof(out), word == NULL ? "?" : word));
	}
	putchar('\n');
}

static void
print_age(const struct record *r, const char *path, const char *label)
{
	long long ms = record_number(r, path, -1);
	char span[TEXT_SPAN];

	if (ms >= 0)
		printf("%-12s  %s\n", label, text_age(span, ms));
}

/* What is so, and would be worth a line of its own only then. */
static void
print_marks(const struct record *r)
{
	static const char *const marks[][2] = {
		{ "unprotected", "unprotected: one copy only" },
		{ "short", "short: fewer copies than asked for" },
		{ "held", "held: on hold at its primary" },
		{ "amended", "amended: the envelope is what the primary's MTA "
			     "committed" },
		{ "over", "ended; members that hold it are still being told" },
		{ "trying", "an attempt is under way" },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (record_true(r, marks[i][0]))
			printf("%-12s  %s\n", "mark", marks[i][1]);
}

static void
print_envelope(const struct record *r)
{
	print_text(r, "client_name", "client");
	print_text(r, "client_addr", "address");
	print_text(r, "helo", "helo");
	print_text(r, "auth", "login");
	print_text(r, "sender", "from");
	print_recipients(r);
}

/* One of several that a queue id can mean. */
static void
print_candidate(const struct record *r)
{
	const char *const paths[] = { "key", "role", "state", "primary",
		"queue_id" };
	char out[300];

	printf("candidate   ");
	for (size_t i = 0; i < 5; i++) {
		const char *text = record_text(r, paths[i]);

		if (text != NULL && text[0] != '\0')
			printf("  %s", text_show(out, sizeof(out), text));
	}
	putchar('\n');
}

static void
print_story(const struct record *r)
{
	char span[TEXT_SPAN];

	print_text(r, "key", "key");
	print_text(r, "role", "role here");
	print_text(r, "state", "state");
	print_age(r, "state_age_ms", "since");
	print_text(r, "primary", "primary");
	print_text(r, "queue_id", "queue id");
	print_holders(r);
	print_marks(r);
	print_text(r, "handed_id", "handed as");
	print_text(r, "reason", "reason");
	if (record_number(r, "size", -1) >= 0)
		printf("%-12s  %s\n", "size",
		    text_size(span, record_number(r, "size", -1)));
	print_age(r, "age_ms", "age");
	if (record_number(r, "attempts", -1) >= 0)
		printf("%-12s  %lld\n", "attempts",
		    record_number(r, "attempts", 0));
	print_age(r, "next_try_in_ms", "next try in");
	print_envelope(r);
}

static int
show_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	if (record_true(r, "candidate"))
		print_candidate(r);
	else
		print_story(r);
	record_free(&r);
	return 0;
}

int
ctl_queue_show(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	return ctl_ask(ctl, phrase, args, count, show_line, NULL);
}

/* ---- queue cat ---- */

static int
digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* Four digits at a time; '=' only at the very end. */
static int
write_base64(const char *text)
{
	size_t len = strlen(text);

	if (len % 4 != 0)
		return SMX_EPROTO;
	for (size_t i = 0; i < len; i += 4) {
		unsigned char out[3];
		unsigned value = 0;
		size_t bytes = 3;

		if (i + 4 == len && text[i + 3] == '=')
			bytes = text[i + 2] == '=' ? 1 : 2;
		for (size_t k = 0; k < 4; k++) {
			int d = k <= bytes ? digit(text[i + k]) : 0;

			if (d < 0)
				return SMX_EPROTO;
			value = value << 6 | (unsigned)d;
		}
		out[0] = (unsigned char)(value >> 16);
		out[1] = (unsigned char)(value >> 8);
		out[2] = (unsigned char)value;
		if (fwrite(out, 1, bytes, stdout) != bytes)
			return SMX_EIO;
	}
	return 0;
}

static int
cat_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	const char *text;
	int rc = SMX_EPROTO;

	(void)ctx;
	if (r == NULL)
		return rc;
	text = record_text(r, "content");
	if (record_true(r, "candidate"))
		fprintf(stderr, "shadowmxctl: candidate: %.49s\n",
		    record_text(r, "key") == NULL ? "?"
						  : record_text(r, "key"));
	/* Another kind of line is a newer daemon's. */
	rc = text == NULL ? 0 : write_base64(text);
	record_free(&r);
	return rc;
}

int
ctl_queue_cat(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	return ctl_ask(ctl, phrase, args, count, cat_line, NULL);
}
