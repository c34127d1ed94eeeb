/* SPDX-License-Identifier: BSD-2-Clause */
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 15000

/* The protocol's own numbers, as the MTA knows them (protocol 6). */
#define NR_CONN 0x1000ul
#define NR_HELO 0x2000ul
#define NR_HDR  0x0080ul
#define NR_EOH  0x40000ul
#define NR_BODY 0x80000ul

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

int
raw_connect_only(const char *socket_name)
{
	struct sockaddr_un sun;
	int fd;

	if (strncmp(socket_name, "unix:", 5) != 0)
		return -1;
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(socket_name + 5) >= sizeof(sun.sun_path))
		return -1;
	memcpy(sun.sun_path, socket_name + 5, strlen(socket_name + 5));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
read_all(int fd, char *data, size_t len, long long until)
{
	while (len > 0) {
		struct pollfd p = { fd, POLLIN, 0 };
		long long left = until - now_ms();
		ssize_t n;

		if (poll(&p, 1, left < 0 ? 0 : (int)left) != 1)
			return -1;
		n = read(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int
raw_send(struct raw *raw, char command, const void *data, size_t len)
{
	uint32_t size = htonl((uint32_t)len + 1);
	char *packet = malloc(len + 5);
	int rc;

	if (packet == NULL)
		return -1;
	memcpy(packet, &size, 4);
	packet[4] = command;
	if (len > 0)
		memcpy(packet + 5, data, len);
	rc = write_all(raw->fd, packet, len + 5);
	free(packet);
	return rc;
}

int
raw_strings(struct raw *raw, char command, const char *const *strings)
{
	size_t len = 0;
	char *data, *at;
	int rc;

	for (size_t i = 0; strings[i] != NULL; i++)
		len += strlen(strings[i]) + 1;
	at = data = malloc(len + 1);
	if (data == NULL)
		return -1;
	for (size_t i = 0; strings[i] != NULL; i++) {
		memcpy(at, strings[i], strlen(strings[i]) + 1);
		at += strlen(strings[i]) + 1;
	}
	rc = raw_send(raw, command, data, len);
	free(data);
	return rc;
}

int
raw_read(struct raw *raw, struct raw_reply *reply, int timeout_ms,
    unsigned *progress)
{
	long long until = now_ms() + timeout_ms;
	uint32_t size;

	memset(reply, 0, sizeof(*reply));
	do {
		if (read_all(raw->fd, (char *)&size, 4, until) != 0)
			return -1;
		size = ntohl(size);
		if (size == 0 || size > RAW_REPLY_MAX ||
		    read_all(raw->fd, &reply->command, 1, until) != 0 ||
		    read_all(raw->fd, reply->data, size - 1, until) != 0)
			return -1;
		reply->len = size - 1;
		if (reply->command == 'p' && progress != NULL)
			++*progress;
	} while (reply->command == 'p');
	return 0;
}

static int
unanswered(const struct raw *raw, char command)
{
	switch (command) {
	case 'C':
		return (raw->steps & NR_CONN) != 0;
	case 'H':
		return (raw->steps & NR_HELO) != 0;
	case 'L':
		return (raw->steps & NR_HDR) != 0;
	case 'N':
		return (raw->steps & NR_EOH) != 0;
	case 'B':
		return (raw->steps & NR_BODY) != 0;
	case 'D':
		return 1;
	default:
		return 0;
	}
}

int
raw_ask(struct raw *raw, char command, const char *const *strings,
    struct raw_reply *reply)
{
	static const char *const none[] = { NULL };

	if (raw_strings(raw, command, strings == NULL ? none : strings) != 0)
		return -1;
	memset(reply, 0, sizeof(*reply));
	reply->command = 'c';
	if (unanswered(raw, command))
		return 0;
	return raw_read(raw, reply, STEP_MS, NULL);
}

int
raw_open(struct raw *raw, const char *socket_name, unsigned long steps)
{
	uint32_t offer[3] = { htonl(6), htonl(0x1ff), htonl((uint32_t)steps) };
	struct raw_reply reply;
	uint32_t got;

	raw->fd = raw_connect_only(socket_name);
	if (raw->fd < 0)
		return -1;
	if (raw_send(raw, 'O', offer, sizeof(offer)) != 0 ||
	    raw_read(raw, &reply, STEP_MS, NULL) != 0 || reply.command != 'O' ||
	    reply.len < 12) {
		raw_close(raw);
		return -1;
	}
	memcpy(&got, reply.data + 8, 4);
	raw->steps = ntohl(got);
	return 0;
}

void
raw_close(struct raw *raw)
{
	if (raw->fd >= 0)
		close(raw->fd);
	raw->fd = -1;
}

int
raw_greet(struct raw *raw)
{
	static const char address[] = "client.example\0"
				      "4\x30\x39"
				      "192.0.2.7";
	static const char *const helo[] = { "client.example", NULL };
	struct raw_reply reply;

	if (raw_send(raw, 'C', address, sizeof(address)) != 0)
		return -1;
	if (!unanswered(raw, 'C') && raw_read(raw, &reply, STEP_MS, NULL) != 0)
		return -1;
	return raw_ask(raw, 'H', helo, &reply);
}

int
raw_queue_id(struct raw *raw, char command, const char *queue_id)
{
	char data[128];
	size_t len = strlen(queue_id);

	if (len > 100)
		return -1;
	data[0] = command;
	memcpy(data + 1, "i", 2);
	memcpy(data + 3, queue_id, len + 1);
	return raw_send(raw, 'D', data, len + 4);
}

int
raw_envelope(struct raw *raw, const char *rcpt, char *answer)
{
	static const char *const mail[] = { "<sender@example.net>", NULL };
	const char *const to[] = { rcpt, NULL };
	struct raw_reply reply;

	if (raw_ask(raw, 'M', mail, &reply) != 0 || reply.command != 'c' ||
	    raw_ask(raw, 'R', to, &reply) != 0)
		return -1;
	*answer = reply.command;
	return 0;
}

int
raw_data(struct raw *raw, const char *queue_id, char *answer)
{
	struct raw_reply reply;

	if (raw_queue_id(raw, 'T', queue_id) != 0 ||
	    raw_ask(raw, 'T', NULL, &reply) != 0)
		return -1;
	*answer = reply.command;
	return 0;
}

int
raw_header(struct raw *raw, const char *name, const char *value)
{
	const char *const strings[] = { name, value, NULL };
	struct raw_reply reply;

	return raw_ask(raw, 'L', strings, &reply);
}

int
raw_body(struct raw *raw, const void *data, size_t len)
{
	struct raw_reply reply;

	if (raw_send(raw, 'B', data, len) != 0)
		return -1;
	return unanswered(raw, 'B') ? 0 : raw_read(raw, &reply, STEP_MS, NULL);
}
