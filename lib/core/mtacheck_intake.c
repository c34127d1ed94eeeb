/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>

/*
 * Does everything that comes in pass the milter, last of all, and what happens
 * when the milter is not there?  One intake is a list of milters as it holds
 * for one service.
 */
struct intake {
	struct mta_check *check;
	const struct mta_service *service;
	const char *setting; /* smtpd_milters or non_smtpd_milters */
	enum smx_severity severity;
	const char *whose; /* "mail from clients" */
	struct milter_found found;
};

/* Said once for all services that take the list from main.cf. */
static int
is_told(struct intake *in, int bit)
{
	struct mta_check *c = in->check;

	if (service_overrides(in->service, in->setting))
		return 0;
	if ((c->said_milter & bit) != 0)
		return 1;
	c->said_milter |= bit;
	return 0;
}

static const char *
list_of(const struct intake *in)
{
	return mta_text(&in->service->values, in->setting);
}

static void
tell_list(struct intake *in, const char *name, enum smx_severity severity,
    const char *why)
{
	struct finding f;

	finding_begin(&f, in->check, severity, name);
	finding_service(&f, in->service, in->setting, list_of(in));
	fix_service(&f, in->service, in->setting, in->found.proper);
	finding_tell(&f, why);
}

static void
tell_missing(struct intake *in)
{
	if (is_told(in, 1))
		return;
	tell_list(in, "milter-missing", in->severity,
	    mta_fmt(in->check->arena,
		"%s does not pass shadowmx: it is acknowledged while only one "
		"copy exists, and nobody counts it",
		in->whose));
}

static void
tell_astray(struct intake *in)
{
	if (is_told(in, in->service->chroot ? 2 : 4))
		return;
	tell_list(in, "milter-path", SMX_ERROR,
	    mta_fmt(in->check->arena,
		"%s%s leads to %s, and shadowmxd listens on %s: Postfix "
		"answers %s with milter_default_action",
		in->found.milter.endpoint,
		in->service->chroot ? ", for a program locked into the queue's "
				      "folder (chroot),"
				    : "",
		in->found.leads_to, in->check->conf->milter_listen, in->whose));
}

static void
tell_earlier(struct intake *in)
{
	if (is_told(in, 8))
		return;
	tell_list(in, "milter-not-last", SMX_ERROR,
	    "a milter behind shadowmx can still refuse, change or hold the "
	    "message when its shadow is already there: the copy is not what "
	    "Postfix commits");
}

/* ---- when the milter is not there ---- */

static const char *
action_why(const struct mta_check *c, const char *action)
{
	if (strcmp(action, "accept") == 0)
		return c->refuses
			   ? "without shadowmxd, or when it takes too long, "
			     "mail is acknowledged with one copy, and nobody "
			     "counts it, although when_unprotected is tempfail"
			   : "without shadowmxd, or when it takes too long, "
			     "mail is acknowledged with one copy, and nobody "
			     "counts it";
	if (strcmp(action, "quarantine") == 0)
		return "without shadowmxd mail is acknowledged with one copy "
		       "and then stays on hold until a person releases it";
	if (strcmp(action, "reject") != 0)
		return "Postfix has no such action: what it does without "
		       "shadowmxd is not said";
	return "without shadowmxd, as while it is restarted, mail is refused "
	       "for good instead of being asked for again";
}

static void
check_action(struct intake *in)
{
	struct mta_check *c = in->check;
	const char *own = in->found.milter.default_action;
	const char *action = own != NULL ? own
					 : mta_text(&in->service->values,
					       "milter_default_action");
	struct finding f;

	if (strcmp(action, "tempfail") == 0 || strcmp(action, "shutdown") == 0)
		return;
	if (own != NULL
		? is_told(in, 16)
		: !service_overrides(in->service, "milter_default_action") &&
		      (c->said_milter & 32) != 0)
		return;
	if (own == NULL &&
	    !service_overrides(in->service, "milter_default_action"))
		c->said_milter |= 32;
	finding_begin(&f, c,
	    strcmp(action, "accept") != 0 || c->refuses ? SMX_ERROR
							: SMX_WARNING,
	    "default-action");
	if (own != NULL) {
		finding_service(&f, in->service, in->setting, list_of(in));
		fix_service(&f, in->service, in->setting,
		    milter_with(c, list_of(in), &in->found.milter,
			"default_action", own, "tempfail"));
	} else {
		finding_service(&f, in->service, "milter_default_action",
		    action);
		fix_service(&f, in->service, "milter_default_action",
		    "tempfail");
	}
	finding_tell(&f, action_why(c, action));
}

static void
check_list(struct intake *in)
{
	milter_find(in->check, list_of(in), in->service->chroot, &in->found);
	switch (in->found.place) {
	case MILTER_NONE:
		tell_missing(in);
		return;
	case MILTER_ASTRAY:
		tell_astray(in);
		break;
	case MILTER_EARLIER:
		tell_earlier(in);
		break;
	case MILTER_LAST:
		break;
	}
	check_action(in);
}

static void
check_switched_off(struct intake *in)
{
	const char *setting = "receive_override_options";
	const char *value = mta_text(&in->service->values, setting);
	const char *word, *rest = "";
	struct finding f;
	size_t len;

	if (!mta_has_word(value, "no_milters"))
		return;
	finding_begin(&f, in->check, in->severity, "milter-off");
	finding_service(&f, in->service, setting, value);
	while (mta_word_next(&value, &word, &len))
		if (len != 10 || memcmp(word, "no_milters", len) != 0)
			rest = mta_fmt(in->check->arena, "%s%s%.*s", rest,
			    rest[0] == '\0' ? "" : ",", (int)len, word);
	fix_service(&f, in->service, setting, rest);
	finding_tell(&f,
	    "no_milters keeps mail that comes in here away from shadowmx: it "
	    "is acknowledged while only one copy exists");
}

static void
check_maps(struct intake *in)
{
	const char *value = mta_text(&in->service->values, "smtpd_milter_maps");
	struct finding f;

	if (value[0] == '\0')
		return;
	if (!service_overrides(in->service, "smtpd_milter_maps")) {
		if ((in->check->said_milter & 64) != 0)
			return;
		in->check->said_milter |= 64;
	}
	finding_begin(&f, in->check, SMX_WARNING, "milter-maps");
	finding_service(&f, in->service, "smtpd_milter_maps", value);
	fix_service(&f, in->service, "smtpd_milter_maps", "");
	finding_tell(&f,
	    "clients in this table have milters of their own instead of "
	    "smtpd_milters, and what they are cannot be seen from here: each "
	    "result of the table has to end with shadowmx");
}

static void
check_service(struct mta_check *c, const struct mta_service *s, int outside)
{
	struct intake in = { .check = c,
		.service = s,
		.setting = "smtpd_milters",
		.severity = outside ? SMX_ERROR : SMX_WARNING,
		.whose = outside ? "mail from clients"
				 : "mail from programs of this host" };

	/* Milters see no content then: mtacheck_filters.c. */
	if (mta_text(&s->values, "smtpd_proxy_filter")[0] != '\0')
		return;
	check_list(&in);
	check_switched_off(&in);
	check_maps(&in);
}

/* Those that strangers reach first: what is wrong in main.cf is told once, and
 * with them it is worse. */
void
mtacheck_intake(struct mta_check *c)
{
	for (int outside = 1; outside >= 0; outside--) {
		for (size_t i = 0; i < c->services->count; i++) {
			const struct mta_service *s = &c->services->list[i];

			if (service_takes_mail(c, s) &&
			    service_is_loopback(s) != outside)
				check_service(c, s, outside);
		}
	}
}

/* ---- sendmail(1), bounces ---- */

static void
check_bounces(struct mta_check *c)
{
	const char *setting = "internal_mail_filter_classes";
	const char *value = mta_text(c->main, setting);
	struct finding f;

	if (mta_has_word(value, "bounce"))
		return;
	finding_begin(&f, c, SMX_WARNING, "bounces-uncovered");
	finding_main(&f, setting, value);
	fix_main(&f, setting,
	    value[0] == '\0' ? "bounce"
			     : mta_fmt(c->arena, "%s, bounce", value));
	finding_tell(&f,
	    "bounces get no shadow: a sender may never learn that the mail "
	    "was not delivered");
}

/* The list of non_smtpd_milters follows that of smtpd_milters. */
static int
is_inherited(const struct mta_check *c)
{
	const char *raw = mta_text(c->raw, "non_smtpd_milters");

	return mta_has_word(raw, "$smtpd_milters") ||
	       mta_has_word(raw, "${smtpd_milters}") ||
	       mta_has_word(raw, "$(smtpd_milters)");
}

void
mtacheck_local(struct mta_check *c)
{
	int told = c->said_milter;

	check_bounces(c);
	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		struct intake in = { .check = c,
			.service = s,
			.setting = "non_smtpd_milters",
			.severity = SMX_WARNING,
			.whose = "mail from sendmail(1) and bounces" };

		if (strcmp(s->program, "cleanup") != 0)
			continue;
		/* What was said of smtpd_milters is said of these. */
		if (!is_inherited(c))
			c->said_milter = told & 32;
		if (is_inherited(c) && (told & (1 | 8)) != 0 &&
		    !service_overrides(s, in.setting))
			continue;
		check_list(&in);
	}
}
