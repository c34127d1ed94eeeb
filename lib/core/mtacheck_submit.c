/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <inttypes.h>
#include <string.h>

/* The services that take over: shadowmxd's ways into this Postfix. */

static const struct {
	const char *setting;
	const char *port;
	const char *missing;
} ways[MTA_WAYS] = {
	{ "mta.submit", "127.0.0.1:10026",
	    "no service of master.cf listens there: what is taken over from a "
	    "lost host cannot be delivered" },
	{ "mta.submit_amended", "127.0.0.1:10027",
	    "no service of master.cf listens there: messages whose recipients "
	    "the lost host had already arrived at cannot be delivered" },
	{ "mta.submit_held", "127.0.0.1:10028",
	    "no service of master.cf listens there: messages that were on hold "
	    "at the lost host are quarantined" },
};

struct entrance {
	struct mta_check *check;
	const struct mta_service *service;
	enum mta_way way;
	const char *target;
};

static void
tell_missing(struct entrance *e)
{
	struct finding f;
	const char *own = strrchr(ways[e->way].setting, '.') + 1;

	finding_begin(&f, e->check, SMX_ERROR, "submit-missing");
	finding_conf(&f, ways[e->way].setting, e->target);
	if (!fix_way(&f, e->target, e->way)) {
		fix_conf(&f, mta_fmt(e->check->arena, "mta = { %s = \"%s\"; };",
				 own, ways[e->way].port));
		(void)fix_way(&f, ways[e->way].port, e->way);
	}
	finding_tell(&f, ways[e->way].missing);
}

/* ---- one setting of the service ---- */

static const char *
value_of(const struct entrance *e, const char *setting)
{
	return mta_text(&e->service->values, setting);
}

static void
tell(struct entrance *e, enum smx_severity severity, const char *name,
    const char *setting, const char *good, const char *why)
{
	struct finding f;

	finding_begin(&f, e->check, severity, name);
	finding_service(&f, e->service, setting, value_of(e, setting));
	fix_override(&f, e->service, setting, good);
	finding_tell(&f, why);
}

static void
check_program(struct entrance *e)
{
	struct finding f;

	if (strcmp(e->service->program, "smtpd") == 0)
		return;
	finding_begin(&f, e->check, SMX_ERROR, "submit-program");
	finding_column(&f, e->service, "command", e->service->program);
	(void)fix_way(&f, e->target, e->way);
	finding_tell(&f,
	    "this is no smtpd: what is taken over from a lost host cannot be "
	    "delivered");
}

static void
check_exposed(struct entrance *e)
{
	const struct mta_service *s = e->service;
	struct mta_check *c = e->check;
	struct finding f;

	if (service_is_loopback(s))
		return;
	finding_begin(&f, c, SMX_ERROR, "submit-exposed");
	finding_column(&f, s, "service", s->name);
	fix_run(&f, mta_fmt(c->arena, "postconf -c %s -MX %s",
			finding_quote(c, c->config_directory),
			finding_quote(c, s->id)));
	(void)fix_way(&f, e->target, e->way);
	finding_tell(&f,
	    "other hosts can reach it: what they send here passes no milter, "
	    "and is acknowledged with one copy");
}

static int
has_option(const struct entrance *e, const char *word)
{
	return mta_has_word(value_of(e, "receive_override_options"), word);
}

static void
check_milters(struct entrance *e)
{
	if (value_of(e, "smtpd_milters")[0] == '\0' ||
	    has_option(e, "no_milters"))
		return;
	tell(e, SMX_ERROR, "submit-milter", "smtpd_milters", "",
	    "what is taken over has passed the filters of the host that took "
	    "it: a second time they may refuse or change it, and its "
	    "signatures do not verify");
}

/* The value of receive_override_options with one word more and one less. */
static const char *
options_with(struct entrance *e, const char *more, const char *less)
{
	const char *list = value_of(e, "receive_override_options");
	const char *out = more == NULL ? "" : more, *word;
	size_t len;

	while (mta_word_next(&list, &word, &len)) {
		if (less != NULL && strlen(less) == len &&
		    memcmp(word, less, len) == 0)
			continue;
		out = mta_fmt(e->check->arena, "%s%s%.*s", out,
		    out[0] == '\0' ? "" : ",", (int)len, word);
	}
	return out;
}

static void
check_recipients(struct entrance *e)
{
	const char *setting = "smtpd_reject_unlisted_recipient";

	if (has_option(e, "no_unknown_recipient_checks"))
		tell(e, SMX_ERROR, "submit-unchecked",
		    "receive_override_options",
		    options_with(e, NULL, "no_unknown_recipient_checks"),
		    "without recipient checks a host whose tables have drifted "
		    "apart from the other's takes mail and bounces it later");
	if (!mta_is_yes(&e->service->values, setting) &&
	    !mta_has_word(value_of(e, "smtpd_recipient_restrictions"),
		"reject_unlisted_recipient"))
		tell(e, SMX_ERROR, "submit-unchecked", setting, "yes",
		    "without recipient checks a host whose tables have drifted "
		    "apart from the other's takes mail and bounces it later");
}

/* shadowmxd is a client on this host: something has to let it send. */
static void
check_relay(struct entrance *e)
{
	const char *relay = value_of(e, "smtpd_relay_restrictions");
	const char *setting = "smtpd_relay_restrictions";

	if (relay[0] == '\0') {
		setting = "smtpd_recipient_restrictions";
		relay = value_of(e, setting);
	}
	if (relay[0] == '\0' || mta_has_word(relay, "permit_mynetworks") ||
	    mta_has_word(relay, "permit"))
		return;
	tell(e, SMX_WARNING, "submit-relay", setting,
	    "permit_mynetworks,reject_unauth_destination",
	    "nothing lets this host itself send to other domains: mail that "
	    "the lost host had taken for them is quarantined");
}

static void
check_bare_newline(struct entrance *e)
{
	struct mta_check *c = e->check;
	const char *setting = "smtpd_forbid_bare_newline";
	const char *value = mta_value(&e->service->values, setting);
	int rejects =
	    mta_value(c->main, "smtpd_forbid_bare_newline_reject_code") != NULL;
	const char *why = "content that a stranger wrote comes in here from "
			  "this host itself: a bare newline in it can end the "
			  "message early and begin a forged one";

	if (value == NULL)
		return;
	if (strcmp(value, "no") == 0 || strcmp(value, "note") == 0)
		tell(e, SMX_WARNING, "submit-newline", setting,
		    rejects ? "reject" : "yes", why);
	setting = "smtpd_forbid_bare_newline_exclusions";
	if (value_of(e, setting)[0] != '\0')
		tell(e, SMX_WARNING, "submit-newline", setting, "", why);
}

/* We are on the same host and speak in the clear. */
static void
check_tls(struct entrance *e)
{
	static const char why[] =
	    "TLS is asked for, which shadowmxd does not speak to its own MTA: "
	    "everything that is taken over is refused";
	const char *level = value_of(e, "smtpd_tls_security_level");

	if (strcmp(value_of(e, "smtpd_tls_wrappermode"), "yes") == 0)
		tell(e, SMX_ERROR, "submit-tls", "smtpd_tls_wrappermode", "no",
		    why);
	else if (strcmp(level, "encrypt") == 0)
		tell(e, SMX_ERROR, "submit-tls", "smtpd_tls_security_level",
		    "none", why);
	else if (level[0] == '\0' &&
		 strcmp(value_of(e, "smtpd_enforce_tls"), "yes") == 0)
		tell(e, SMX_ERROR, "submit-tls", "smtpd_enforce_tls", "no",
		    why);
}

static void
check_trail(struct entrance *e)
{
	if (value_of(e, "smtpd_authorized_xforward_hosts")[0] == '\0')
		tell(e, SMX_WARNING, "submit-trail",
		    "smtpd_authorized_xforward_hosts", "127.0.0.0/8",
		    "the log does not tell which message of the lost host this "
		    "was, nor which client sent it");
}

static void
check_body_checks(struct entrance *e)
{
	static const char *const settings[] = { "header_checks",
		"mime_header_checks", "nested_header_checks", "body_checks" };
	int any = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		any |= value_of(e, settings[i])[0] != '\0';
	if (!any || has_option(e, "no_header_body_checks"))
		return;
	tell(e, SMX_WARNING, "submit-rechecked", "receive_override_options",
	    options_with(e, "no_header_body_checks", NULL),
	    "header_checks and body_checks were done by the host that took the "
	    "message: a second time they may redirect, hold or discard it");
}

static void
check_mappings(struct entrance *e)
{
	if (e->way == MTA_WAY_PLAIN || has_option(e, "no_address_mappings"))
		return;
	tell(e, SMX_ERROR, "submit-mapped", "receive_override_options",
	    options_with(e, "no_address_mappings", NULL),
	    "the recipients are final: aliases and automatic copies are "
	    "applied a second time, and mail goes to people twice");
}

/* Does one of the restrictions put everything on hold? */
static int
holds(const struct entrance *e)
{
	static const char *const settings[] = { "smtpd_client_restrictions",
		"smtpd_helo_restrictions", "smtpd_sender_restrictions",
		"smtpd_recipient_restrictions", "smtpd_data_restrictions",
		"smtpd_end_of_data_restrictions" };

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		const char *list = value_of(e, settings[i]), *word;
		size_t len;

		while (mta_word_next(&list, &word, &len)) {
			if (len >= 6 && memcmp(word, "permit", 6) == 0)
				break;
			if ((len == 11 &&
				memcmp(word, "static:HOLD", len) == 0) ||
			    (len > 12 && memcmp(word, "static:{HOLD", 12) == 0))
				return 1;
		}
	}
	return 0;
}

static void
check_hold(struct entrance *e)
{
	if (e->way == MTA_WAY_HELD && !holds(e))
		tell(e, SMX_ERROR, "submit-not-held",
		    "smtpd_end_of_data_restrictions",
		    "check_client_access,static:HOLD",
		    "mail that was on hold at the lost host comes in here: it "
		    "is delivered although somebody had stopped it");
}

static void
check_room(struct entrance *e)
{
	int64_t n = service_processes(e->check, e->service);
	int64_t wanted = e->check->conf->takeover_parallel;
	struct finding f;

	if (n <= 0 || n >= wanted)
		return;
	finding_begin(&f, e->check, SMX_NOTE, "submit-limit");
	finding_column(&f, e->service, "process_limit", e->service->limit);
	fix_column(&f, e->service, "process_limit",
	    mta_fmt(e->check->arena, "%" PRId64, wanted < 10 ? 10 : wanted));
	finding_tell(&f, mta_fmt(e->check->arena,
			     "fewer sessions than takeover.parallel = %" PRId64
			     ": a takeover goes slower than it might",
			     wanted));
}

static void
check_entrance(struct entrance *e)
{
	check_program(e);
	if (strcmp(e->service->program, "smtpd") != 0)
		return;
	check_exposed(e);
	check_milters(e);
	check_recipients(e);
	check_relay(e);
	check_bare_newline(e);
	check_tls(e);
	check_trail(e);
	check_body_checks(e);
	check_mappings(e);
	check_hold(e);
	check_room(e);
}

/* Tables that the checks need; without them everything is accepted. */
static void
check_tables(struct mta_check *c)
{
	struct finding f;

	if (mta_text(c->main, "mydestination")[0] != '\0' &&
	    mta_text(c->main, "local_recipient_maps")[0] == '\0') {
		finding_begin(&f, c, SMX_WARNING, "recipients-unlisted");
		finding_main(&f, "local_recipient_maps", "");
		fix_main(&f, "local_recipient_maps",
		    "proxy:unix:passwd.byname $alias_maps");
		finding_tell(&f,
		    "every address of mydestination is accepted: after a "
		    "takeover mail for people whom this host does not know is "
		    "bounced instead of kept");
	}
}

/* Only the administrator knows whom the table should name; a backup MX learns
 * it from the primary. */
static void
check_relay_tables(struct mta_check *c)
{
	const char *domains = mta_text(c->main, "relay_domains");
	struct finding f;

	if (domains[0] == '\0' || c->backs_up ||
	    mta_text(c->main, "relay_recipient_maps")[0] != '\0')
		return;
	finding_begin(&f, c, SMX_NOTE, "recipients-unlisted");
	finding_main(&f, "relay_recipient_maps", "");
	finding_tell(&f,
	    mta_fmt(c->arena,
		"every address of relay_domains (%s) is accepted, and what the "
		"next host does not know is bounced later; a table of the "
		"addresses prevents that",
		domains));
}

/* Made for shadowmxd, and it does not know. */
static void
check_unused(struct mta_check *c, const struct mta_service *s)
{
	const char *name = mta_text(&s->overrides, "syslog_name");
	const char *setting = strstr(name, "amended") != NULL ? "submit_amended"
			      : strstr(name, "held") != NULL  ? "submit_held"
							      : "submit";
	struct finding f;

	for (int i = 0; i < MTA_WAYS; i++)
		if (c->way[i] == s)
			return;
	finding_begin(&f, c, SMX_NOTE, "submit-unused");
	finding_column(&f, s, "service", s->name);
	if (strcmp(s->type, "inet") == 0 && strchr(s->name, ':') != NULL)
		fix_conf(&f, mta_fmt(c->arena, "mta = { %s = \"%s\"; };",
				 setting, s->name));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"it looks like a way in for what is taken over, and mta.%s "
		"does not name it",
		setting));
}

void
mtacheck_submit(struct mta_check *c)
{
	const char *const targets[MTA_WAYS] = { c->conf->mta_submit,
		c->conf->mta_submit_amended, c->conf->mta_submit_held };
	int any = 0;

	for (int i = 0; i < MTA_WAYS; i++) {
		struct entrance e = { c, c->way[i], (enum mta_way)i,
			targets[i] };

		if (targets[i][0] == '\0')
			continue;
		any = 1;
		if (e.service == NULL)
			tell_missing(&e);
		else
			check_entrance(&e);
	}
	for (size_t i = 0; i < c->services->count; i++)
		if (service_is_unused(&c->services->list[i]))
			check_unused(c, &c->services->list[i]);
	if (any) {
		check_tables(c);
		check_relay_tables(c);
	}
}
