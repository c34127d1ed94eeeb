/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/queue_change.h"

#include "base/clock.h"

/* To try what was released again, one by one; the MTA does it by itself later,
 * and not at all while it is stopped. */
#define FLUSH_MS 10000

static void
flush(struct helper *helper, const char *const *ids, size_t count,
    int64_t until_ms)
{
	int64_t soon = clock_mono_ms() + FLUSH_MS;

	(void)!helper_ask(helper, HELPER_FLUSH, ids, count,
	    soon < until_ms ? soon : until_ms, NULL);
}

/* Nobody is there to ask: nothing was done, as when there was no time. */
static int
result_of(int result)
{
	return result == SMX_EUNREACHABLE ? SMX_ETIMEOUT : result;
}

int
queue_change(struct helper *helper, enum smx_queue_change what,
    const char *const *ids, size_t count, int64_t until_mono_ms)
{
	int result;

	switch (what) {
	case SMX_QUEUE_HOLD:
		return result_of(helper_ask(helper, HELPER_HOLD, ids, count,
		    until_mono_ms, NULL));
	case SMX_QUEUE_ERASE:
		return result_of(helper_ask(helper, HELPER_DELETE, ids, count,
		    until_mono_ms, NULL));
	case SMX_QUEUE_REQUEUE:
		return result_of(helper_ask(helper, HELPER_REQUEUE, ids, count,
		    until_mono_ms, NULL));
	case SMX_QUEUE_RELEASE:
	case SMX_QUEUE_EXPIRE:
		result = helper_ask(helper,
		    what == SMX_QUEUE_EXPIRE ? HELPER_EXPIRE : HELPER_RELEASE,
		    ids, count, until_mono_ms, NULL);
		if (result == SMX_OK)
			flush(helper, ids, count, until_mono_ms);
		return result_of(result);
	}
	return SMX_EINVAL;
}
