/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/addr.h"
#include "glue/primaries_in.h"

struct ask {
	char hosts[MXHEALTH_OF_ONE][NEXTHOP_TEXT];
	size_t count;
	char rcpt[ADDR_MAX + 3];
};

/* In their order, but those that are down come last. */
static void
hosts_of(struct primaries *p, const char *domain, struct ask *ask)
{
	const char *names[MXHEALTH_OF_ONE];
	enum mx_state states[MXHEALTH_OF_ONE];
	size_t n;

	ask->count = 0;
	pthread_mutex_lock(&p->lock);
	n = mxhealth_hosts_of(p->health, domain, names, states);
	for (int down = 0; down < 2; down++)
		for (size_t i = 0; i < n; i++)
			if ((states[i] == MX_DOWN) == down)
				(void)text_copy(ask->hosts[ask->count++],
				    NEXTHOP_TEXT, names[i]);
	pthread_mutex_unlock(&p->lock);
}

static void
heard(struct primaries *p, const char *host, int well,
    const struct hop_answer *answer)
{
	char why[MXHEALTH_WHY];

	(void)snprintf(why, sizeof(why), "%.150s",
	    well == MX_GOOD ? "it answers" : answer->text);
	primaries_heard(p, host, well, why);
}

/* Non-zero: this one has spoken for all.  Who sends everybody away has said
 * nothing of this recipient. */
static int
ask_host(struct primaries *p, const char *host, const char *rcpt,
    int64_t until_ms, struct hop_answer *out)
{
	struct mxprobe *probe = NULL;
	struct nexthop to;
	int well = MX_BAD;

	if (nexthop_parse(&to, host) != SMX_OK ||
	    mxprobe_begin(&probe, p->asks, &to, rcpt, until_ms) != SMX_OK) {
		hopanswer_own(out, HOP_UNREACHABLE, "out of memory");
		return 0;
	}
	mxprobe_run(&probe, 1, until_ms);
	(void)mxprobe_result(probe, clock_mono_ms(), &well, out);
	mxprobe_end(&probe);
	heard(p, host, well, out);
	if (well != MX_GOOD)
		out->class = HOP_UNREACHABLE;
	return well == MX_GOOD;
}

static void
ask_all(struct primaries *p, const struct ask *ask, int64_t until_ms,
    struct hop_answer *out)
{
	for (size_t i = 0; i < ask->count; i++) {
		int64_t now_ms = clock_mono_ms();
		int64_t share_ms =
		    (until_ms - now_ms) / (int64_t)(ask->count - i);

		if (share_ms <= 0)
			return;
		if (ask_host(p, ask->hosts[i], ask->rcpt, now_ms + share_ms,
			out))
			return;
	}
}

void
primaries_ask(struct primaries *p, const struct smx_backup *backup,
    const char *domain, const char *rcpt, int64_t until_mono_ms,
    struct hop_answer *out)
{
	struct ask ask;
	int angled = rcpt[0] == '<';

	hopanswer_own(out, HOP_UNREACHABLE,
	    "the primary MX hosts of %s are not known", domain);
	(void)primaries_state(p, backup, domain, NULL);
	hosts_of(p, domain, &ask);
	if (ask.count == 0 ||
	    snprintf(ask.rcpt, sizeof(ask.rcpt), angled ? "%s" : "<%s>",
		rcpt) >= (int)sizeof(ask.rcpt))
		return;
	hopanswer_own(out, HOP_UNREACHABLE, "no time is left to ask");
	if (atomic_fetch_add(&p->asking, 1) < PRIMARIES_ASKS)
		ask_all(p, &ask, until_mono_ms, out);
	else
		hopanswer_own(out, HOP_UNREACHABLE,
		    "too many ask the primary at the moment");
	atomic_fetch_sub(&p->asking, 1);
}
