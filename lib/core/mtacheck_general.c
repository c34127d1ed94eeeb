/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <inttypes.h>
#include <string.h>

#include "core/units.h"

#define MS_DAY ((int64_t)86400000)

/* One setting of main.cf that ought to be something else. */
static void
tell_main(struct mta_check *c, enum smx_severity severity, const char *name,
    const char *setting, const char *good, const char *why)
{
	struct finding f;

	finding_begin(&f, c, severity, name);
	finding_main(&f, setting, mta_text(c->main, setting));
	if (good != NULL)
		fix_main(&f, setting, good);
	finding_tell(&f, why);
}

/* The same for main.cf and every service of this program that overrides it. */
struct wrong {
	const char *program;
	const char *setting;
	enum smx_severity severity;
	const char *name;
	const char *good;
	const char *why;
	int (*is)(const char *value);
};

static void
judge_all(struct mta_check *c, const struct wrong *w)
{
	if (w->is(mta_text(c->main, w->setting)))
		tell_main(c, w->severity, w->name, w->setting, w->good, w->why);
	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		const char *value = mta_text(&s->values, w->setting);
		struct finding f;

		if (strcmp(s->program, w->program) != 0 ||
		    !service_overrides(s, w->setting) || !w->is(value))
			continue;
		finding_begin(&f, c, w->severity, w->name);
		finding_service(&f, s, w->setting, value);
		fix_service(&f, s, w->setting, w->good);
		finding_tell(&f, w->why);
	}
}

static int
is_not_yes(const char *value)
{
	return !mta_has_word(value, "yes");
}

static int
is_yes(const char *value)
{
	return mta_has_word(value, "yes");
}

static int
is_old_protocol(const char *value)
{
	int64_t n = mta_number(value);

	return n >= 0 && n < 6;
}

static int
is_some_time(const char *value)
{
	return mta_span_ms(value, 1000) != 0;
}

static const struct wrong wrongs[] = {
	{ "cleanup", "enable_long_queue_ids", SMX_ERROR, "short-queue-ids",
	    "yes",
	    "short queue ids are used again: a message that is still open can "
	    "be taken for another one that is finished, and its shadow is "
	    "dropped",
	    is_not_yes },
	{ "smtpd", "milter_protocol", SMX_ERROR, "milter-protocol", "6",
	    "before version 6 Postfix strips white space from headers: the "
	    "copy is not the message, and its signatures do not verify",
	    is_old_protocol },
	{ "cleanup", "soft_bounce", SMX_WARNING, "soft-bounce", "no",
	    "every refusal becomes \"not now\": what the MTA refuses for good "
	    "is tried again until somebody notices, and its shadow stays",
	    is_yes },
};

static const struct wrong slow_discard = { "cleanup", "in_flow_delay",
	SMX_WARNING, "in-flow-delay", "0",
	"Postfix takes one token for each message and gets none back for one "
	"that is discarded, as one that shadowmx has delivered itself or that "
	"milter.resend_guard keeps out: such mail falls to one message per "
	"second and session",
	is_some_time };

/* ---- macros ---- */

static int
macros_tell_id(const struct mta_values *values)
{
	static const char *const settings[] = { "milter_mail_macros",
		"milter_rcpt_macros", "milter_data_macros",
		"milter_end_of_header_macros", "milter_end_of_data_macros" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (mta_has_word(mta_text(values, settings[i]), "i") ||
		    mta_has_word(mta_text(values, settings[i]), "{i}"))
			return 1;
	return 0;
}

static void
check_macros(struct mta_check *c)
{
	static const char *const wanted[] = { "{auth_type}", "{auth_authen}" };
	const char *setting = "milter_mail_macros";
	const char *value = mta_text(c->main, setting), *good = value;

	if (!macros_tell_id(c->main))
		tell_main(c, SMX_ERROR, "queue-id-hidden",
		    "milter_end_of_data_macros", "i",
		    "no macro tells the queue id ({i}): nobody can find out "
		    "what became of the message, so its shadow stays for ever");
	for (size_t i = 0; i < 2; i++)
		if (!mta_has_word(value, wanted[i]))
			good = mta_fmt(c->arena, "%s%s%s", good,
			    good[0] == '\0' ? "" : " ", wanted[i]);
	if (good != value)
		tell_main(c, SMX_WARNING, "login-hidden", setting, good,
		    "without {auth_type} and {auth_authen} every client counts "
		    "as one that has not authenticated: policies that ask for "
		    "it match the wrong mail, and the trail is lost");
	if (strcmp(mta_text(c->main, "smtpd_delay_open_until_valid_rcpt"),
		"no") == 0)
		tell_main(c, SMX_NOTE, "early-queue-id",
		    "smtpd_delay_open_until_valid_rcpt", "yes",
		    "each connection that gets as far as MAIL has a queue "
		    "file: "
		    "more of them to look at, none that is a message");
}

/* ---- lifetimes ---- */

static void
check_lifetime(struct mta_check *c, const char *setting)
{
	static const char *const ours[] = { "peers.takeover_after",
		"takeover.retry_max" };
	const int64_t spans[] = { c->conf->peers_takeover_after_ms,
		c->conf->takeover_retry_max_ms };
	int64_t life = mta_span_ms(mta_text(c->main, setting), MS_DAY);

	for (size_t i = 0; i < 2; i++) {
		char unit[UNITS_TEXT];
		struct finding f;

		if (life < 0 || spans[i] < life)
			continue;
		finding_begin(&f, c, SMX_WARNING, "queue-lifetime");
		finding_main(&f, setting, mta_text(c->main, setting));
		if (spans[i] < 4 * MS_DAY)
			fix_main(&f, setting, "5d");
		else if (i == 0)
			fix_conf(&f, "peers = { takeover_after = \"10m\"; };");
		else
			fix_conf(&f, "takeover = { retry_max = \"1h\"; };");
		finding_tell(&f,
		    mta_fmt(c->arena,
			"not longer than %s = %s: mail may be returned to its "
			"sender before it was tried a second time, by a host "
			"that comes back or by the one that takes over",
			ours[i], duration_format(spans[i], unit)));
		return;
	}
}

/* ---- bcc, other instances ---- */

static void
check_copies(struct mta_check *c)
{
	static const char *const settings[] = { "always_bcc",
		"recipient_bcc_maps", "sender_bcc_maps" };
	const char *value = "", *setting = "";
	struct finding f;

	for (size_t i = 0; i < 3 && value[0] == '\0'; i++)
		value = mta_text(c->main, setting = settings[i]);
	if (value[0] == '\0' || c->conf->mta_submit[0] == '\0' ||
	    c->conf->mta_submit_amended[0] != '\0')
		return;
	finding_begin(&f, c, SMX_WARNING, "copies-again");
	finding_main(&f, setting, value);
	fix_conf(&f, "mta = { submit_amended = \"127.0.0.1:10027\"; };");
	(void)fix_way(&f, "127.0.0.1:10027", MTA_WAY_AMENDED);
	finding_tell(&f,
	    "automatic copies are made a second time when a message is taken "
	    "over, unless mta.submit_amended names a service with "
	    "no_address_mappings");
}

static void
check_instances(struct mta_check *c)
{
	const char *others = mta_text(c->main, "multi_instance_directories");
	struct finding f;

	if (others[0] == '\0' || !mta_is_yes(c->main, "multi_instance_enable"))
		return;
	finding_begin(&f, c, SMX_NOTE, "other-instances");
	finding_main(&f, "multi_instance_directories", others);
	finding_tell(&f,
	    "only the instance of mta.config_directory is looked at: each "
	    "other one that takes mail needs a shadowmxd of its own");
}

void
mtacheck_general(struct mta_check *c)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++)
		judge_all(c, &wrongs[i]);
	if (c->delivers || c->discards || c->conf->milter_resend_guard_ms > 0) {
		struct wrong slow = slow_discard;

		/* Every message of a policy, not one now and then. */
		if (c->delivers)
			slow.severity = SMX_ERROR;
		judge_all(c, &slow);
	}
	if (c->shadows || c->delivers || c->backs_up)
		check_macros(c);
	check_lifetime(c, "maximal_queue_lifetime");
	check_lifetime(c, "bounce_queue_lifetime");
	check_copies(c);
	check_instances(c);
}
