/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <inttypes.h>
#include <string.h>

/* Below that a host is a bottleneck as soon as a peer is slow. */
#define LEAST_A_SECOND 2
/* What the line to add aims at, and Postfix's own default. */
#define GOOD_A_SECOND 5
#define GOOD_LEAST    100
#define COMMAND_MS    5000
#define RCPT_SPARE_MS 2000
#define RCPT_LIMIT    "smtpd_recipient_limit"

static int64_t
whole_seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* Each held message keeps an smtpd busy for max_delay at the worst. */
static void
check_processes(struct mta_check *c, const struct mta_service *s)
{
	int64_t n = service_processes(c, s);
	int64_t good = GOOD_A_SECOND * whole_seconds(c->max_delay_ms);
	const char *wanted;
	struct finding f;

	if (n <= 0 || n * 1000 >= LEAST_A_SECOND * c->max_delay_ms)
		return;
	wanted = mta_fmt(c->arena, "%" PRId64,
	    good < GOOD_LEAST ? GOOD_LEAST : good);
	finding_begin(&f, c, SMX_WARNING, "process-limit");
	if (s->processes > 0) {
		finding_column(&f, s, "process_limit", s->limit);
		fix_column(&f, s, "process_limit", wanted);
	} else {
		finding_main(&f, "default_process_limit",
		    mta_text(c->main, "default_process_limit"));
		fix_main(&f, "default_process_limit", wanted);
	}
	finding_tell(&f,
	    mta_fmt(c->arena,
		"%s has at most %" PRId64 " sessions, each of which may wait "
		"%" PRId64 ".%" PRId64 " s (max_delay): while peers are slow "
		"that is %" PRId64 ".%02" PRId64 " messages a second",
		s->id, n, c->max_delay_ms / 1000, c->max_delay_ms % 1000 / 100,
		n * 1000 / c->max_delay_ms,
		n * 100000 / c->max_delay_ms % 100));
}

static void
check_client_limit(struct mta_check *c, const struct mta_service *s)
{
	const char *setting = "smtpd_client_connection_count_limit";
	int64_t n = service_processes(c, s);
	int64_t limit = mta_number(mta_text(&s->values, setting));
	struct finding f;

	if (service_is_loopback(s) || n <= 1 || limit < 0 ||
	    (limit > 0 && limit < n))
		return;
	finding_begin(&f, c, SMX_NOTE, "client-limit");
	finding_service(&f, s, setting, mta_text(&s->values, setting));
	fix_service(&f, s, setting, mta_fmt(c->arena, "%" PRId64, n / 2));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"one client can occupy all %" PRId64 " sessions of %s, for as "
		"long as its messages wait for their shadows",
		n, s->id));
}

/* The sum of what may wait, 0 when there is no limit. */
static int64_t
all_sessions(const struct mta_check *c)
{
	int64_t sum = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		int64_t n = service_processes(c, s);

		if (!service_takes_mail(c, s) || service_is_loopback(s))
			continue;
		if (n <= 0)
			return 0;
		sum += n;
	}
	return sum;
}

static void
check_held(struct mta_check *c)
{
	int64_t sum = all_sessions(c), max = c->conf->milter_max_held;
	struct finding f;

	if (sum <= max)
		return;
	finding_begin(&f, c, SMX_WARNING, "max-held");
	finding_conf(&f, "milter.max_held", mta_fmt(c->arena, "%" PRId64, max));
	fix_conf(&f,
	    mta_fmt(c->arena, "milter = { max_held = %" PRId64 "; };", sum));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix has %" PRId64 " sessions in all, and only %" PRId64
		" messages may wait for a shadow at a time: the others are "
		"answered as when_unprotected says",
		sum, max));
}

/* ---- recipients ---- */

static int64_t
recipients_of(const struct mta_check *c, const struct mta_service *s)
{
	return service_takes_mail(c, s)
		   ? mta_number(mta_text(&s->values, RCPT_LIMIT))
		   : 0;
}

/* More than milter.max_recipients can be set to: every service is to take
 * fewer. */
static void
fix_services(struct finding *f, const char *wanted, int64_t max)
{
	const struct mta_check *c = f->check;
	int main_said = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		int own = service_overrides(s, RCPT_LIMIT);

		if (recipients_of(c, s) <= max || (!own && main_said))
			continue;
		main_said |= !own;
		fix_service(f, s, RCPT_LIMIT, wanted);
	}
}

/* Where Postfix does not wait for an answer to each recipient, the first that
 * is too many is heard of with the end of the message. */
static void
check_recipients(struct mta_check *c)
{
	int64_t max = c->conf->milter_max_recipients, most = max;
	const struct mta_service *where = NULL;
	struct finding f;

	for (size_t i = 0; c->rcpt_unanswered && i < c->services->count; i++) {
		int64_t n = recipients_of(c, &c->services->list[i]);

		if (n > most) {
			most = n;
			where = &c->services->list[i];
		}
	}
	if (where == NULL)
		return;
	finding_begin(&f, c, SMX_WARNING, "recipient-limit");
	finding_service(&f, where, RCPT_LIMIT,
	    mta_text(&where->values, RCPT_LIMIT));
	if (most <= CONF_RECIPIENTS_MAX)
		fix_conf(&f,
		    mta_fmt(c->arena,
			"milter = { max_recipients = %" PRId64 "; };", most));
	else
		fix_services(&f, mta_fmt(c->arena, "%" PRId64, max), max);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"shadowmx keeps %" PRId64 " recipients of a message "
		"(milter.max_recipients): one with more is refused as a whole "
		"each time that it is sent, and the client does not learn that "
		"it has to be divided",
		max));
}

/* ---- timeouts ---- */

static void
check_timeout(struct mta_check *c, const struct mta_service *s,
    const char *setting, int first, int64_t least_ms, const char *good,
    const char *why)
{
	const char *text = mta_text(&s->values, setting);
	int64_t ms = mta_span_ms(text, 1000);
	struct finding f;

	if (ms < 0 || ms > least_ms ||
	    (!first && !service_overrides(s, setting)))
		return;
	finding_begin(&f, c, SMX_ERROR, "timeout");
	finding_service(&f, s, setting, text);
	fix_service(&f, s, setting, good);
	finding_tell(&f, why);
}

/* Given with the milter itself, it counts instead of the setting. */
static int
check_own_timeout(struct mta_check *c, const struct mta_service *s,
    const char *name, int64_t least_ms, const char *good, const char *why)
{
	const char *list = mta_text(&s->values, "smtpd_milters"), *own;
	struct milter_found found;
	struct finding f;
	int64_t ms;

	milter_find(c, list, s->chroot, &found);
	if (found.place < MILTER_EARLIER)
		return 0;
	own = strcmp(name, "content_timeout") == 0
		  ? found.milter.content_timeout
		  : found.milter.command_timeout;
	if (own == NULL)
		return 0;
	ms = mta_span_ms(own, 1000);
	if (ms < 0 || ms > least_ms)
		return 1;
	finding_begin(&f, c, SMX_ERROR, "timeout");
	finding_service(&f, s, "smtpd_milters", list);
	fix_service(&f, s, "smtpd_milters",
	    milter_with(c, list, &found.milter, name, own, good));
	finding_tell(&f, why);
	return 1;
}

/* With "delivered" a recipient may wait for its next hop, and then the answer
 * has still to come through. */
static void
check_command_timeout(struct mta_check *c, const struct mta_service *s,
    int first)
{
	int64_t least =
	    c->delivers ? c->conf->delivery_rcpt_wait_ms + RCPT_SPARE_MS : 0;
	const char *why =
	    "not longer than delivery.rcpt_wait: Postfix stops waiting for "
	    "shadowmx while a recipient waits for its next hop";

	if (c->backs_up &&
	    c->conf->backup_rcpt_wait_ms + RCPT_SPARE_MS > least) {
		least = c->conf->backup_rcpt_wait_ms + RCPT_SPARE_MS;
		why = "not longer than backup.rcpt_wait: Postfix stops waiting "
		      "for shadowmx while a recipient waits for the primary's "
		      "word";
	}
	if (least <= COMMAND_MS) {
		least = COMMAND_MS;
		why = "a busy host takes longer to answer now and then, and "
		      "Postfix takes shadowmx for dead";
	}
	if (!check_own_timeout(c, s, "command_timeout", least, "30s", why))
		check_timeout(c, s, "milter_command_timeout", first, least,
		    "30s", why);
}

static void
check_timeouts(struct mta_check *c, const struct mta_service *s, int first)
{
	const char *good = mta_fmt(c->arena, "%" PRId64 "s",
	    2 * whole_seconds(c->max_delay_ms) + 300);

	if (!check_own_timeout(c, s, "content_timeout", c->max_delay_ms, good,
		"content_timeout is not longer than max_delay: Postfix stops "
		"waiting for shadowmx while the message waits for its "
		"shadow"))
		check_timeout(c, s, "milter_content_timeout", first,
		    c->max_delay_ms, good,
		    "not longer than max_delay: Postfix stops waiting for "
		    "shadowmx while the message waits for its shadow");
	check_command_timeout(c, s, first);
	check_timeout(c, s, "ipc_timeout", first, c->max_delay_ms + COMMAND_MS,
	    mta_fmt(c->arena, "%" PRId64 "s",
		2 * whole_seconds(c->max_delay_ms) + 3600),
	    "not longer than max_delay: smtpd gives up waiting for cleanup, "
	    "the client is told to come back, and the message is delivered "
	    "all the same, so that it is delivered twice");
}

void
mtacheck_limits(struct mta_check *c)
{
	int first = 1, said = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];

		if (!service_takes_mail(c, s))
			continue;
		/* A setting of main.cf is judged with the first service. */
		check_timeouts(c, s, first);
		first = 0;
		if (service_is_loopback(s) || (said && s->processes <= 0))
			continue;
		check_processes(c, s);
		check_client_limit(c, s);
		said |= s->processes <= 0;
	}
	check_held(c);
	check_recipients(c);
}
