/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_rcpt_in.h"

#include "base/clock.h"

/* Lines of one kind a second; what comes over port 25 is not ours to write
 * down as fast as it comes. */
#define LINES 20

static const char *
event_of(const struct deciding *d, enum rule_step step)
{
	const char *event = NULL;

	switch (step) {
	case RULE_LATER_UP:
		event = "sent-to-primary";
		break;
	case RULE_LATER_UNKNOWN:
	case RULE_NO_UNKNOWN:
		event = "recipient-unknown";
		break;
	case RULE_LATER_HARVEST:
		event = "recipient-harvest";
		break;
	case RULE_LATER_CROWD:
		event = "recipient-crowd";
		break;
	case RULE_NO_KNOWN:
	case RULE_NO_SAID:
	case RULE_NO_MAIL:
		event = "recipient-refused";
		break;
	default:
		if (d->rule.tried == FIRSTTRY_RETRY)
			event = "retry-taken";
		break;
	}
	return event;
}

static int
may_say(struct deciding *d, enum rule_step step, uint64_t *unsaid)
{
	struct log_limit *limit = &d->decider->said[step];
	int may;

	pthread_mutex_lock(&d->decider->lock);
	may = log_allow(limit, LINES, clock_mono_ms());
	*unsaid = limit->unsaid;
	if (may)
		limit->unsaid = 0;
	pthread_mutex_unlock(&d->decider->lock);
	return may;
}

void
deciding_log(struct deciding *d, enum rule_step step)
{
	const char *event = event_of(d, step);
	struct log_line l;
	uint64_t unsaid;

	if (event == NULL || !may_say(d, step, &unsaid))
		return;
	log_begin(&l, SMX_LOG_INFO, NULL, event);
	log_str(&l, "client", d->ask->client);
	log_str(&l, "sender", d->ask->sender);
	log_str(&l, "recipient", d->ask->rcpt);
	log_str(&l, "why", rcptrule_name(step));
	if (step == RULE_LATER_UP)
		log_str(&l, "try",
		    d->rule.tried == FIRSTTRY_FIRST ? "first" : "early");
	if (step == RULE_NO_SAID) {
		log_num(&l, "code", d->said.code);
		log_str(&l, "text", d->said.text);
	}
	if (d->guesses != 0)
		log_num(&l, "guesses", d->guesses);
	log_unsaid(&l, unsaid);
	log_end(&l);
}
