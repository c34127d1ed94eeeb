/* SPDX-License-Identifier: BSD-2-Clause */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "raw.h"

/*
 * Many ends of message at the same instant, written by one process so that they
 * are as close together as can be.
 *
 *	burst -s SOCKET [-n CONNECTIONS] [-r RECIPIENT] [-m MAX_MS] [-l LABEL]
 *
 * Prints the spread of the answers; fails when one is no acceptance or comes
 * later than MAX_MS.
 */
/* Of an MTA that waits for an answer to each MAIL. */
#define STEPS_ALL 0x1fbffful

struct burst {
	const char *socket_name;
	const char *rcpt;
	const char *label;
	size_t count;
	long max_ms;
	struct raw *raw;
	double *took_ms; /* -1: no answer yet */
};

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1000.0 + (double)ts.tv_nsec / 1e6;
}

static int
prepare(struct burst *b)
{
	char id[32], answer;

	for (size_t i = 0; i < b->count; i++) {
		snprintf(id, sizeof(id), "BURST%zu", i);
		if (raw_open(&b->raw[i], b->socket_name, STEPS_ALL) != 0 ||
		    raw_greet(&b->raw[i]) != 0 ||
		    raw_envelope(&b->raw[i], b->rcpt, &answer) != 0 ||
		    answer != 'c' || raw_data(&b->raw[i], id, &answer) != 0 ||
		    answer != 'c' ||
		    raw_header(&b->raw[i], "Subject", " burst") != 0 ||
		    raw_send(&b->raw[i], 'N', NULL, 0) != 0 ||
		    raw_body(&b->raw[i], "one line\r\n", 10) != 0) {
			fprintf(stderr, "burst: connection %zu failed\n", i);
			return -1;
		}
	}
	return 0;
}

static size_t
collect(struct burst *b, struct pollfd *p, double began)
{
	size_t got = 0;

	for (size_t i = 0; i < b->count; i++) {
		struct raw_reply reply;

		if (p[i].revents == 0)
			continue;
		if (raw_read(&b->raw[i], &reply, 0, NULL) != 0) {
			if (reply.command == 'p')
				continue; /* a progress note, and no more */
			fprintf(stderr, "burst: %zu was dropped\n", i);
			b->took_ms[i] = 1e9;
		} else {
			b->took_ms[i] = now_ms() - began;
			if (reply.command != 'a' && reply.command != 'c')
				b->took_ms[i] = 1e9;
		}
		p[i].fd = -1;
		got++;
	}
	return got;
}

static int
fire(struct burst *b)
{
	struct pollfd *p = calloc(b->count, sizeof(*p));
	double began = now_ms();
	double until = began + (double)b->max_ms + 20000;
	size_t left = b->count;

	if (p == NULL)
		return -1;
	for (size_t i = 0; i < b->count; i++) {
		p[i].fd = b->raw[i].fd;
		p[i].events = POLLIN;
		b->took_ms[i] = 1e9;
		if (raw_send(&b->raw[i], 'E', NULL, 0) != 0)
			fprintf(stderr, "burst: %zu: cannot write\n", i);
	}
	while (left > 0 && now_ms() < until)
		if (poll(p, b->count, 500) > 0)
			left -= collect(b, p, began);
	free(p);
	return 0;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
judge(struct burst *b)
{
	size_t bad = 0;

	qsort(b->took_ms, b->count, sizeof(*b->took_ms), by_size);
	for (size_t i = 0; i < b->count; i++)
		bad += b->took_ms[i] > (double)b->max_ms;
	printf("%s: %zu at once: first %.0f ms, median %.0f ms, 90%% %.0f ms, "
	       "last %.0f ms (limit %ld ms): %zu late or refused\n",
	    b->label, b->count, b->took_ms[0], b->took_ms[b->count / 2],
	    b->took_ms[b->count * 9 / 10], b->took_ms[b->count - 1], b->max_ms,
	    bad);
	return bad == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct burst b = { .rcpt = "<wait-3000@example.org>",
		.label = "burst",
		.count = 200,
		.max_ms = 4000 };
	int c, rc;

	while ((c = getopt(argc, argv, "s:n:r:m:l:")) != -1)
		switch (c) {
		case 's':
			b.socket_name = optarg;
			break;
		case 'n':
			b.count = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			b.rcpt = optarg;
			break;
		case 'm':
			b.max_ms = strtol(optarg, NULL, 10);
			break;
		case 'l':
			b.label = optarg;
			break;
		default:
			return 64;
		}
	if (b.socket_name == NULL || b.count == 0)
		return 64;
	b.raw = calloc(b.count, sizeof(*b.raw));
	b.took_ms = calloc(b.count, sizeof(*b.took_ms));
	rc = b.raw == NULL || b.took_ms == NULL || prepare(&b) != 0 ||
	     fire(&b) != 0 || judge(&b) != 0;
	for (size_t i = 0; b.raw != NULL && i < b.count; i++)
		raw_close(&b.raw[i]);
	free(b.raw);
	free(b.took_ms);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
