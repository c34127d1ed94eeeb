/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <inttypes.h>
#include <string.h>

/*
 * What shadowmx delivers itself does not pass the MTA: whatever the MTA would
 * have made of its addresses on the way is left out.  So there must be nothing
 * of the kind for the recipients that a policy with "delivered" is for.
 */

/* The policies in question, as one line to be put before them. */
static void
fix_policy(struct finding *f, const char *name, const char *match,
    const struct mta_names *names)
{
	struct mta_check *c = f->check;
	const char *list = "";

	for (size_t i = 0; i < names->kept; i++)
		list = mta_fmt(c->arena, "%s%s\"%s\"", list, i != 0 ? ", " : "",
		    names->name[i]);
	fix_conf(f,
	    mta_fmt(c->arena,
		"# first of policies: { name = \"%s\"; match = { %s = ( %s%s "
		"); "
		"}; acknowledge = { when = (%s); }; },",
		name, match, list, names->count > names->kept ? ", ..." : "",
		c->shadows ? " \"shadowed\" " : ""));
}

static int
is_about_recipients(const struct mta_rewrite *r)
{
	return r->names.count != 0;
}

static void
tell_recipients(struct mta_check *c, const struct mta_rewrite *r)
{
	struct finding f;

	finding_begin(&f, c, SMX_ERROR, "delivered-rewritten");
	finding_main(&f, r->setting, r->table);
	fix_policy(&f, mta_fmt(c->arena, "mta-%s", r->word), "recipients",
	    &r->names);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix %s %" PRIu64 " of the recipients that policy %s is "
		"for, as %s: with \"delivered\" the next hop gets their mail "
		"as "
		"it came; the policy below has to stand before that one",
		r->does, (uint64_t)r->names.count, r->policy,
		r->names.name[0]));
}

/* It is for all mail, whoever it is to. */
static void
tell_all(struct mta_check *c, const struct mta_rewrite *r)
{
	struct finding f;

	finding_begin(&f, c, SMX_ERROR, "delivered-rewritten");
	finding_main(&f, r->setting, r->table);
	fix_main(&f, r->setting, "");
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix %s: with \"delivered\" (policy %s) that does not "
		"happen, the next hop gets the mail as it came; either this "
		"setting or \"delivered\" has to go",
		r->does, r->policy));
}

static void
tell_unknown(struct mta_check *c, const struct mta_rewrite *r)
{
	struct finding f;

	finding_begin(&f, c, SMX_WARNING, "delivered-unknown");
	finding_main(&f, r->setting, r->table);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"this table cannot be listed (%s), so nobody knows from here "
		"whether Postfix %s some of the recipients that policy %s is "
		"for: with \"delivered\" the next hop would get their mail as "
		"it came",
		r->unlisted, r->does, r->policy));
}

static void
check_rewrites(struct mta_check *c)
{
	for (size_t i = 0; i < c->facts->rewrite_count; i++) {
		const struct mta_rewrite *r = &c->facts->rewrites[i];

		if (is_about_recipients(r))
			tell_recipients(c, r);
		else if (r->all)
			tell_all(c, r);
		else if (r->unlisted != NULL)
			tell_unknown(c, r);
	}
}

/* ---- mail that local(8) delivers: aliases(5), ~/.forward ---- */

static int
is_delivered_by_local(const struct mta_check *c)
{
	const char *transport = mta_text(c->main, "local_transport");
	size_t len = strcspn(transport, ":");

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];

		if (strcmp(s->type, "unix") == 0 && strlen(s->name) == len &&
		    memcmp(s->name, transport, len) == 0)
			return strcmp(s->program, "local") == 0;
	}
	return 0;
}

static void
check_local(struct mta_check *c)
{
	const struct mta_names *names = &c->facts->local_names;
	struct finding f;

	if (names->count == 0 || !is_delivered_by_local(c))
		return;
	finding_begin(&f, c, SMX_ERROR, "delivered-local");
	finding_main(&f, "mydestination", mta_text(c->main, "mydestination"));
	fix_policy(&f, "mta-local", "recipients", names);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix delivers this domain itself, by its aliases and "
		"users' "
		"~/.forward, and policy %s has \"delivered\" for it: the next "
		"hop gets the mail instead; the policy below has to stand "
		"before that one",
		c->facts->local_policy));
}

/* ---- milters before it ---- */

/* What one of them does to sender and recipients when the message ends is done
 * by cleanup, and no milter behind it is told. */
static void
check_milters(struct mta_check *c, const struct mta_service *s)
{
	const char *setting = "smtpd_milters";
	const char *value = mta_text(&s->values, setting);
	struct mta_milter list[MTA_MILTERS_MAX];
	struct milter_found found;
	struct finding f;

	milter_find(c, value, s->chroot, &found);
	if (found.place != MILTER_LAST ||
	    mta_milters_parse(c->arena, value, list) < 2)
		return;
	finding_begin(&f, c, SMX_WARNING, "delivered-milters");
	finding_service(&f, s, setting, value);
	finding_tell(&f,
	    "what the milters before shadowmx change of sender and recipients "
	    "is "
	    "not shown to it: with \"delivered\" the next hop gets the "
	    "message for those that the client named, and a recipient that "
	    "was added gets none when all of these were delivered; let no "
	    "such milter be here, or take \"delivered\" out of the policies");
}

/* ---- filters behind the milter ---- */

static void
check_filter(struct mta_check *c, const struct mta_service *s)
{
	const char *setting = "content_filter";
	const char *value = mta_text(&s->values, setting);
	struct milter_found found;
	struct finding f;

	if (value[0] == '\0')
		return;
	milter_find(c, mta_text(&s->values, "smtpd_milters"), s->chroot,
	    &found);
	if (found.place < MILTER_EARLIER)
		return;
	finding_begin(&f, c, SMX_ERROR, "delivered-unfiltered");
	finding_service(&f, s, setting, value);
	fix_service(&f, s, setting, "");
	finding_tell(&f,
	    "the filter gets the message after shadowmx: with \"delivered\" "
	    "the "
	    "next hop has taken it by then, and the filter never sees it");
}

/* What main.cf says is said once. */
static void
check_services(struct mta_check *c, const char *setting,
    void (*check)(struct mta_check *, const struct mta_service *))
{
	int told = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		int own = service_overrides(s, setting);

		if (!service_takes_mail(c, s) || (told && !own))
			continue;
		check(c, s);
		told |= !own;
	}
}

void
mtacheck_delivered(struct mta_check *c)
{
	check_rewrites(c);
	check_local(c);
	check_services(c, "smtpd_milters", check_milters);
	check_services(c, "content_filter", check_filter);
}
