/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/helper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/helper_wire.h"

#define IDLE_MS 500 /* how late a stop may be noticed */

struct room {
	char text[HELPER_PACKET_MAX];
	struct helper_request request;
};

static void
log_request(const struct helper_request *r, int result, size_t done)
{
	struct log_line l;

	log_begin(&l, result == SMX_OK ? SMX_LOG_NOTICE : SMX_LOG_ERR,
	    r->count == 1 ? r->id[0] : NULL, "helper");
	log_str(&l, "verb", helper_verb_name(r->verb));
	log_num(&l, "ids", (int64_t)r->count);
	log_num(&l, "done", (int64_t)done);
	log_err(&l, "result", result);
	log_end(&l);
}

static void
serve(int fd, const struct helper_options *options, struct room *room,
    size_t len)
{
	struct helper_answer answer = { 0 };
	struct helper_request *r = &room->request;

	if (helper_get_request(room->text, len, r) != SMX_OK) {
		log_event(SMX_LOG_ERR, "helper-refused", "bytes=%zu", len);
		return;
	}
	answer.generation = r->generation;
	answer.token = r->token;
	/* Whoever asked has turned to something else by now. */
	if ((int64_t)r->deadline_ms <= clock_mono_ms())
		answer.result = SMX_ETIMEOUT;
	else
		answer.result = helper_run(options, r, &answer.done);
	log_request(r, answer.result, answer.done);
	len = helper_put_answer(room->text, sizeof(room->text), &answer);
	/* Nobody reads: its answer is of no use to anybody else. */
	(void)!send(fd, room->text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * Whoever waits for an answer of the process before this one waits in vain, and
 * is told so.  What nobody has read yet is answered by this one.
 */
static void
tell_of_start(int fd, struct room *room)
{
	static const struct helper_answer started = HELPER_STARTED;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len;

	if (poll(&p, 1, 0) != 0)
		return;
	len = helper_put_answer(room->text, sizeof(room->text), &started);
	(void)!send(fd, room->text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
helper_main(int fd, const struct helper_options *options,
    volatile sig_atomic_t *stop)
{
	struct room *room = calloc(1, sizeof(*room));
	int failed = room == NULL || options->config_directory[0] != '/';

	if (!failed)
		tell_of_start(fd, room);
	while (!failed && !*stop) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, IDLE_MS) <= 0)
			continue;
		n = recv(fd, room->text, sizeof(room->text),
		    MSG_DONTWAIT | MSG_TRUNC);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			failed = 1;
		else if (n > 0 && (size_t)n <= sizeof(room->text))
			serve(fd, options, room, (size_t)n);
	}
	free(room);
	return failed ? EX_IOERR : EX_OK;
}
