/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <inttypes.h>
#include <string.h>

#include "core/nexthop.h"
#include "core/units.h"

/*
 * A backup MX's mail is the MTA's: whether it takes it at all, where it sends
 * it, how long it keeps it, and what it says of it in the log.
 */
#define MS_DAY    ((int64_t)86400000)
#define PORT_SMTP 25

/* "a.example, b.example and 7 more" */
static const char *
some(struct mta_check *c, const struct mta_names *names)
{
	const char *list = "";

	for (size_t i = 0; i < names->kept; i++)
		list = mta_fmt(c->arena, "%s%s%s", list, i != 0 ? ", " : "",
		    names->name[i]);
	if (names->count > names->kept)
		list = mta_fmt(c->arena, "%s and %" PRIu64 " more", list,
		    (uint64_t)(names->count - names->kept));
	return list;
}

/* ---- domains ---- */

static void
check_local(struct mta_check *c)
{
	const struct mta_names *names = &c->facts->backup_local;
	const char *setting = c->facts->backup_local_setting;
	struct finding f;

	if (names->count == 0)
		return;
	finding_begin(&f, c, SMX_ERROR, "backup-local");
	finding_main(&f, setting, mta_text(c->main, setting));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"a policy with backup is for %s, which Postfix delivers on "
		"this host: their mail never goes to the primary; take them "
		"out of this list and put them into relay_domains",
		some(c, names)));
}

/* Names that are no names get into no line that people will paste. */
static int
is_pasteable(const struct mta_names *names)
{
	for (size_t i = 0; i < names->kept; i++)
		if (names->name[i][strspn(names->name[i],
			"abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
			return 0;
	return names->kept == names->count;
}

static void
check_foreign(struct mta_check *c)
{
	const struct mta_names *names = &c->facts->backup_foreign;
	const char *value = mta_text(c->main, "relay_domains");
	const char *good = mta_text(c->raw, "relay_domains");
	struct finding f;

	if (names->count == 0)
		return;
	finding_begin(&f, c, SMX_ERROR, "backup-refused");
	finding_main(&f, "relay_domains", value);
	for (size_t i = 0; i < names->kept; i++)
		good = mta_fmt(c->arena, "%s%s%s", good,
		    good[0] == '\0' ? "" : ", ", names->name[i]);
	if (is_pasteable(names))
		fix_main(&f, "relay_domains", good);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"a policy with backup is for %s, which Postfix does not relay "
		"for: it refuses their mail",
		some(c, names)));
}

static void
check_unrouted(struct mta_check *c)
{
	const struct mta_names *names = &c->facts->backup_unrouted;
	struct finding f;

	if (names->count == 0)
		return;
	finding_begin(&f, c, SMX_WARNING, "backup-route");
	finding_main(&f, "relayhost", mta_text(c->main, "relayhost"));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"no entry of transport_maps leads mail for %s to the primary: "
		"Postfix gives it to relayhost, and that it is up says nothing "
		"of the primary",
		some(c, names)));
}

static void
check_unchecked(struct mta_check *c)
{
	struct finding f;

	if (c->facts->backup_unchecked == 0)
		return;
	finding_begin(&f, c, SMX_NOTE, "backup-unchecked");
	finding_main(&f, "relay_domains", mta_text(c->main, "relay_domains"));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"what Postfix does with %" PRIu64 " of the domains of policies "
		"with backup was not asked: there are too many, or its tables "
		"have to be asked one name at a time",
		c->facts->backup_unchecked));
}

/* ---- recipients ---- */

static void
check_listed(struct mta_check *c)
{
	const char *setting = "relay_recipient_maps";
	const char *value = mta_text(c->main, setting);
	struct finding f;

	if (value[0] == '\0')
		return;
	finding_begin(&f, c, SMX_NOTE, "backup-recipients");
	finding_main(&f, setting, value);
	finding_tell(&f,
	    "Postfix refuses whoever is not in these tables, whatever "
	    "shadowmx has learned from the primary; they must be complete");
}

/* Of a service, or main.cf's with the first one. */
static void
check_verified(struct mta_check *c, const struct mta_service *s, int first)
{
	static const char *const lists[] = { "smtpd_recipient_restrictions",
		"smtpd_relay_restrictions" };

	for (size_t i = 0; i < 2; i++) {
		const char *value = mta_text(&s->values, lists[i]);
		struct finding f;

		if (!mta_has_word(value, "reject_unverified_recipient") ||
		    (!first && !service_overrides(s, lists[i])))
			continue;
		finding_begin(&f, c, SMX_WARNING, "backup-verify");
		finding_service(&f, s, lists[i], value);
		finding_tell(&f,
		    "with reject_unverified_recipient Postfix itself asks the "
		    "primary for each recipient, and defers those it does not "
		    "know while the primary is down: no mail is taken when the "
		    "backup MX is needed");
		return;
	}
}

static void
check_services(struct mta_check *c)
{
	int first = 1;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];

		if (!service_takes_mail(c, s))
			continue;
		check_verified(c, s, first);
		first = 0;
	}
}

/* ---- this host as its own primary ---- */

static int
is_this_host(const struct mta_check *c, const char *primary)
{
	struct nexthop hop;

	if (nexthop_parse(&hop, primary) != SMX_OK || hop.port != PORT_SMTP)
		return 0;
	return mta_has_word(mta_text(c->main, "myhostname"), hop.host) ||
	       mta_has_word(mta_text(c->main, "inet_interfaces"), hop.host) ||
	       mta_has_word(mta_text(c->main, "proxy_interfaces"), hop.host);
}

static void
check_primaries(struct mta_check *c)
{
	for (size_t i = 0; i < c->primary_count; i++) {
		struct finding f;

		if (!is_this_host(c, c->primaries[i]))
			continue;
		finding_begin(&f, c, SMX_ERROR, "backup-self");
		finding_conf(&f, "primary", c->primaries[i]);
		finding_tell(&f,
		    "this is Postfix on this host itself, by myhostname, "
		    "inet_interfaces or proxy_interfaces: mail goes in a "
		    "circle");
		return;
	}
}

/* ---- the books ---- */

static void
check_log(struct mta_check *c)
{
	const char *theirs = mta_text(c->main, "maillog_file");
	struct finding f;

	if (c->conf->mta_log[0] != '\0')
		return;
	if (theirs[0] != '/' || strncmp(theirs, "/dev/", 5) == 0)
		theirs = "/var/log/mail.log";
	finding_begin(&f, c, SMX_ERROR, "backup-log");
	finding_conf(&f, "mta.log", "");
	fix_conf(&f, mta_fmt(c->arena, "mta = { log = \"%s\"; };", theirs));
	finding_tell(&f,
	    "without the mail log nobody knows what became of mail that was "
	    "taken as backup MX: the books do not balance, and what is "
	    "requeued when it is released cannot be followed");
}

static void
check_lifetime(struct mta_check *c)
{
	const char *setting = "maximal_queue_lifetime";
	const char *value = mta_text(c->main, setting);
	int64_t theirs = mta_span_ms(value, MS_DAY);
	int64_t ours = c->conf->backup_queue_lifetime_ms;
	char unit[UNITS_TEXT], good[UNITS_TEXT];
	struct finding f;

	if (theirs < 0 || theirs == ours)
		return;
	finding_begin(&f, c, SMX_WARNING, "backup-lifetime");
	finding_main(&f, setting, value);
	if (theirs >= 1000)
		fix_conf(&f,
		    mta_fmt(c->arena, "backup = { queue_lifetime = \"%s\"; };",
			duration_format(theirs, good)));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"backup.queue_lifetime is %s: what was on hold for long is "
		"requeued when it is released, or Postfix returns it at the "
		"first \"not now\", and when that is due is reckoned from a "
		"wrong time",
		duration_format(ours, unit)));
}

void
mtacheck_backup(struct mta_check *c)
{
	check_local(c);
	check_foreign(c);
	check_unrouted(c);
	check_unchecked(c);
	check_listed(c);
	check_services(c);
	check_primaries(c);
	check_log(c);
	check_lifetime(c);
}
