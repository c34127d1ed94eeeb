/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Watch an MTA's queue and say what it says, a line for each event, for the
 * scripts beside this file; queue_probe_postfix.c and queue_probe_sendmail.c
 * say what the arguments are.
 *
 * Lines on standard input:	verify ID	ask for proof
 *				follow ID	ask again until it is absent
 *				state		epoch, links, master
 *				read ID...	their open recipients
 *				open ID FILE	FILE.envelope, FILE.content
 *				route FROM TO	where the MTA would send it
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/queue.h>

#include "queue_probe.h"

#define FOLLOW_MAX 4096

static const char *const kinds[] = { "?", "committed", "gone", "stray",
	"requeued", "linked", "corrupt", "verified", "moved", "read", "reset",
	"returned", "found", "sent", "bounced", "deleted", "reached",
	"unreached" };
static const char *const presences[] = { "UNKNOWN", "THERE", "UNCOMMITTED",
	"STRAY", "CORRUPT", "ABSENT", "LINKED" };
static const char *const healths[] = { "unknown", "up", "down" };

static struct smx_queue queue;
static char followed[FOLLOW_MAX][64];
static size_t follow_count;

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
verify(const char *id, uint64_t token)
{
	if (queue.ops->verify(queue.ctx, &id, 1, token) != SMX_OK)
		printf("refused %s\n", id);
}

/* Ids in one line, all in one call. */
static void
read_files(char *list)
{
	const char *ids[SMX_QUEUE_READ_MAX];
	char *rest = NULL;
	size_t n = 0;

	for (char *id = strtok_r(list, " ", &rest);
	     id != NULL && n < SMX_QUEUE_READ_MAX;
	     id = strtok_r(NULL, " ", &rest))
		ids[n++] = id;
	if (queue.ops->read(queue.ctx, ids, n, 3) != SMX_OK)
		printf("refused %s\n", ids[0]);
}

static void
heard_file(struct smx_queue_event *e)
{
	char *rest = NULL;

	if (e->text == NULL) {
		printf("unread %s -\n", e->id);
		return;
	}
	for (char *line = strtok_r(e->text, "\r\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\r\n", &rest))
		printf("line %s %s\n", e->id, line);
	printf("read %s held=%d\n", e->id, e->held);
	free(e->text);
}

static int
save(const char *name, const char *ending, const char *data, size_t len)
{
	char path[512];
	FILE *f;
	int bad;

	snprintf(path, sizeof(path), "%s.%s", name, ending);
	f = fopen(path, "w");
	if (f == NULL)
		return 1;
	bad = fwrite(data, 1, len, f) != len;
	return fclose(f) != 0 || bad;
}

static int
save_content(const char *name, int fd, uint64_t size)
{
	char *data = malloc((size_t)size + 1);
	size_t len = 0;
	ssize_t n;
	int bad;

	while (data != NULL && len <= size &&
	       (n = read(fd, data + len, (size_t)size + 1 - len)) > 0)
		len += (size_t)n;
	bad = data == NULL || len != size || save(name, "content", data, len);
	free(data);
	return bad;
}

static void
open_file(const char *id, const char *name)
{
	char *envelope;
	size_t len;
	uint64_t size;
	int fd, held, bad,
	    result = queue.ops->open(queue.ctx, id, &envelope, &len, &fd, &size,
		&held, now_ms() + 20000);

	if (result != SMX_OK) {
		printf("unopened %s %s\n", id, smx_errname(result));
		return;
	}
	bad = save(name, "envelope", envelope, len) ||
	      save_content(name, fd, size);
	free(envelope);
	close(fd);
	printf("opened %s %s\n", id, bad ? "badly" : "well");
}

/* Both in angle brackets. */
static void
order_route(char *words)
{
	char *to = strchr(words, ' ');
	struct smx_queue_route route;
	int result;

	if (to == NULL || queue.ops->route == NULL)
		return;
	*to++ = '\0';
	result =
	    queue.ops->route(queue.ctx, words, to, &route, now_ms() + 20000);
	printf("route %s", smx_errname(result));
	for (size_t i = 0; result == SMX_OK && i < route.count; i++)
		printf(" %s", route.hop[i]);
	printf("\n");
}

static void
follow(const char *id)
{
	if (follow_count == FOLLOW_MAX) {
		fprintf(stderr, "too many to follow\n");
		exit(1);
	}
	snprintf(followed[follow_count++], sizeof(followed[0]), "%s", id);
}

static void
followed_answer(const struct smx_queue_event *e)
{
	for (size_t i = 0; i < follow_count; i++) {
		if (strcmp(followed[i], e->id) != 0)
			continue;
		if (e->presence == SMX_PRESENCE_ABSENT)
			printf("absent %s\n", e->id);
		else if (e->presence == SMX_PRESENCE_LINKED)
			follow(e->other);
		else
			return;
		memmove(followed[i], followed[--follow_count],
		    sizeof(followed[0]));
		return;
	}
}

static void
ask_followed(void)
{
	static int64_t due;

	if (now_ms() < due)
		return;
	for (size_t i = 0; i < follow_count; i++)
		verify(followed[i], 2);
	due = now_ms() + 100;
}

static void
hear(struct smx_queue_event *e)
{
	if (e->kind == SMX_QUEUE_READ) {
		heard_file(e);
		return;
	}
	if (e->kind == SMX_QUEUE_VERIFIED && e->token == 2) {
		followed_answer(e);
		return;
	}
	printf("%s %s %s %s\n", kinds[e->kind], e->id,
	    e->kind == SMX_QUEUE_VERIFIED ? presences[e->presence] : "-",
	    e->other);
}

static void
say_state(void)
{
	char epoch[SMX_EPOCH_TEXT];
	struct smx_queue_state s;

	if (queue.ops->state(queue.ctx, &s) != SMX_OK) {
		printf("state unknown\n");
		return;
	}
	smx_epoch_format(&s.epoch, epoch);
	printf("state %s unclean=%d links=%d mta=%s\n", epoch, s.unclean != 0,
	    s.links_known, healths[s.mta]);
}

static void
order_open(char *words)
{
	char *space = strchr(words, ' ');

	if (space == NULL)
		return;
	*space = '\0';
	open_file(words, space + 1);
}

/* Non-zero at the end of the input. */
static int
obey(void)
{
	static char text[65536];
	static size_t len;
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char *line = text, *end;
	ssize_t n;

	if (poll(&p, 1, 0) <= 0)
		return 0;
	n = read(0, text + len, sizeof(text) - 1 - len);
	if (n <= 0)
		return 1;
	len += (size_t)n;
	text[len] = '\0';
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (strncmp(line, "verify ", 7) == 0)
			verify(line + 7, 1);
		else if (strncmp(line, "follow ", 7) == 0)
			follow(line + 7);
		else if (strcmp(line, "state") == 0)
			say_state();
		else if (strncmp(line, "read ", 5) == 0)
			read_files(line + 5);
		else if (strncmp(line, "open ", 5) == 0)
			order_open(line + 5);
		else if (strncmp(line, "route ", 6) == 0)
			order_route(line + 6);
	}
	len -= (size_t)(line - text);
	memmove(text, line, len);
	return 0;
}

int
main(int argc, char **argv)
{
	struct smx_queue_event events[256];
	char why[256] = "";
	size_t n;

	if (probe_open(&queue, argc, argv, why, sizeof(why)) != SMX_OK) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	while (!obey()) {
		if (queue.ops->next(queue.ctx, events, 256, &n,
			now_ms() + 20) == SMX_OK)
			for (size_t i = 0; i < n; i++)
				hear(&events[i]);
		ask_followed();
		fflush(stdout);
	}
	smx_queue_close(&queue);
	return 0;
}
