/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/rcptrule.h"

/* One that takes hundreds of messages is told of once. */
#define OFTEN_MS 1000

/* The same news of one host are told now and then; what is read of the past is
 * none. */
void
pfqueue_relay(struct pfqueue *q, const struct pflog_line *line,
    enum smx_queue_event_kind kind)
{
	int64_t now_ms = clock_mono_ms();
	uint32_t h = 2166136261u ^ (uint32_t)kind;
	char relay[64];
	size_t at;

	if (q->ends.end == NULL || q->log_quiet || line->relay_len == 0 ||
	    line->relay_len >= sizeof(relay))
		return;
	for (size_t i = 0; i < line->relay_len; i++)
		h = (h ^ (unsigned char)line->relay[i]) * 16777619u;
	memcpy(relay, line->relay, line->relay_len);
	relay[line->relay_len] = '\0';
	at = (h ^ h >> 16) % PFQUEUE_RELAYS;
	if (q->relays[at].kind == kind &&
	    strcmp(q->relays[at].relay, relay) == 0 &&
	    now_ms - q->relays[at].told_ms < OFTEN_MS)
		return;
	memcpy(q->relays[at].relay, relay, sizeof(relay));
	q->relays[at].kind = kind;
	q->relays[at].told_ms = now_ms;
	pfqueue_emit(q, kind, line->id, relay);
}

/* What is read of the past is not told: the host may have been another then. */
void
pfqueue_refused(struct pfqueue *q, const struct pflog_line *line, uint64_t sum)
{
	struct hop_answer said = { .class = HOP_NO, .code = line->code };
	char relay[64];

	if (q->ends.end == NULL || q->log_quiet || line->relay_len == 0 ||
	    line->relay_len >= sizeof(relay))
		return;
	text_copy(said.enhanced, sizeof(said.enhanced), line->enhanced);
	if (!rcptrule_is_bad(&said))
		return;
	memcpy(relay, line->relay, line->relay_len);
	relay[line->relay_len] = '\0';
	pfqueue_emit_of(q, SMX_QUEUE_REFUSED, line->id, relay, sum);
}
