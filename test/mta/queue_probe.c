/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Watch a Postfix queue through the public interface and say what it says, a
 * line for each event, for the scripts beside this file:
 *
 *	queue_probe USER QUEUE_DIRECTORY LOG
 *
 * Lines on standard input:	verify ID	ask for proof
 *				follow ID	ask again until it is absent
 *				state		epoch, links, master
 */
#include "config.h"

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/queue.h>

#define FOLLOW_MAX 4096

static const char *const kinds[] = { "?", "committed", "gone", "stray",
	"requeued", "linked", "corrupt", "verified", "reset" };
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
hear(const struct smx_queue_event *e)
{
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
	}
	len -= (size_t)(line - text);
	memmove(text, line, len);
	return 0;
}

static int
become(const char *name)
{
	const struct passwd *pw = getpwnam(name);

	return pw != NULL && initgroups(name, pw->pw_gid) == 0 &&
	       setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0;
}

int
main(int argc, char **argv)
{
	struct smx_queue_postfix_options options = { 0 };
	struct smx_queue_event events[256];
	char why[256];
	size_t n;

	if (argc != 4 || !become(argv[1])) {
		fprintf(stderr, "usage: queue_probe USER QUEUE LOG\n");
		return 64;
	}
	options.queue_directory = argv[2];
	options.log_file = argv[3];
	options.marker_directory = "";
	if (smx_queue_open_postfix(&queue, &options, why, sizeof(why)) !=
	    SMX_OK) {
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
