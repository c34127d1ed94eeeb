/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxcheck_in.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the kinds ---- */

/* Looks that have to agree about what may be a moment's trouble: of a server,
 * of the way to it, or of records on their way to all servers. */
#define PATIENCE 3

static const struct {
	const char *word;
	unsigned patience;
} kinds[MX_WHATS] = {
	[MX_LOST] = { "lost", 1 },
	[MX_CHANGED] = { "changed", 1 },
	[MX_NULL] = { "null", 1 },
	[MX_NO_RECORDS] = { "no-records", 1 },
	[MX_NO_DOMAIN] = { "no-domain", 1 },
	[MX_NOT_LOOKED_UP] = { "not-looked-up", PATIENCE },
	[MX_NOT_NAMED] = { "not-named", 1 },
	[MX_NO_PRIMARY] = { "no-primary", 1 },
	[MX_BACKUP_BETTER] = { "backup-better", 1 },
	[MX_BACKUP_EQUAL] = { "backup-equal", 1 },
	[MX_NO_ADDRESS] = { "no-address", 1 },
	[MX_ALIAS] = { "alias", 1 },
	[MX_SILENT] = { "silent", PATIENCE },
	[MX_REFUSES] = { "refuses", PATIENCE },
	[MX_SERVERS_DIFFER] = { "servers-differ", PATIENCE },
	[MX_SERVER_SILENT] = { "server-silent", PATIENCE },
	[MX_SERVER_NO_ADDRESS] = { "server-no-address", PATIENCE },
	[MX_STS_CHANGED] = { "sts-changed", 1 },
	[MX_STS_SEVERAL] = { "sts-several", 1 },
	[MX_NO_TLSA] = { "no-tlsa", 1 },
	[MX_TLSA_UNUSABLE] = { "tlsa-unusable", 1 },
	[MX_TLSA_DIFFERS] = { "tlsa-differs", PATIENCE },
	[MX_STS_NO_POLICY] = { "sts-no-policy", PATIENCE },
	[MX_STS_INVALID] = { "sts-invalid", PATIENCE },
	[MX_STS_NOT_COVERED] = { "sts-not-covered", 1 },
	[MX_STS_NO_TLS] = { "sts-no-tls", PATIENCE },
};

const char *
mxcheck_word(enum mxcheck_what what)
{
	return what >= MX_LOST && what < MX_WHATS ? kinds[what].word : NULL;
}

enum mxcheck_what
mxcheck_find(const char *word, size_t len)
{
	for (int i = MX_LOST; i < MX_WHATS; i++)
		if (strlen(kinds[i].word) == len &&
		    memcmp(kinds[i].word, word, len) == 0)
			return (enum mxcheck_what)i;
	return 0;
}

unsigned
mxcheck_patience(enum mxcheck_what what)
{
	return kinds[what].patience;
}

int
mxcheck_is_event(enum mxcheck_what what)
{
	return what == MX_CHANGED || what == MX_STS_CHANGED;
}

/* ---- findings ---- */

void
mxcheck_add(struct mxcheck_findings *out, enum mxcheck_what what,
    enum mxcheck_level level, const char *subject, const char *fmt, ...)
{
	struct mxcheck_finding *f = &out->list[out->count];
	va_list ap;

	if (out->count == MXCHECK_FINDINGS)
		return;
	out->count++;
	f->what = what;
	f->level = level;
	(void)text_copy(f->subject, sizeof(f->subject), subject);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static int
host_order(const void *a, const void *b)
{
	const struct mxcheck_host *x = *(const struct mxcheck_host *const *)a;
	const struct mxcheck_host *y = *(const struct mxcheck_host *const *)b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->name, y->name);
}

void
mxcheck_hosts(const struct mxcheck_look *look, struct buf *out)
{
	const struct mxcheck_host *sorted[DNSMX_MAX];

	if (look->set != MXSET_HOSTS)
		return;
	for (size_t i = 0; i < look->count; i++)
		sorted[i] = &look->hosts[i];
	qsort(sorted, look->count, sizeof(*sorted), host_order);
	for (size_t i = 0; i < look->count; i++)
		(void)buf_fmt(out, "%s%u %s", i == 0 ? "" : " ",
		    sorted[i]->preference, sorted[i]->name);
}

/* What the domain lacks as a whole.  A domain that never had MX records, and
 * that this host is not the backup of, may be one that mail never comes to. */
static void
missing(const struct mxcheck_look *look, const struct mxcheck_known *known,
    struct mxcheck_findings *out)
{
	int had = known->hosts[0] != '\0';
	enum mxcheck_level level =
	    had || look->backup ? MXLEVEL_ALARM : MXLEVEL_WARNING;

	if (look->set == MXSET_NULL)
		mxcheck_add(out, MX_NULL, level, "",
		    "a null MX record: it says that the domain takes no mail");
	else if (had)
		mxcheck_add(out, MX_LOST, level, "",
		    "the MX records are gone (%s): it can send but not receive;"
		    " they were: %.200s",
		    look->set == MXSET_NONE ? "there are none"
					    : "there is no such domain",
		    known->hosts);
	else if (look->set == MXSET_NONE)
		mxcheck_add(out, MX_NO_RECORDS, level, "",
		    "there are no MX records");
	else
		mxcheck_add(out, MX_NO_DOMAIN, level, "",
		    "there is no such domain");
}

static void
changed(const struct mxcheck_look *look, const struct mxcheck_known *known,
    struct mxcheck_findings *out)
{
	struct buf now;

	buf_init(&now, 0);
	mxcheck_hosts(look, &now);
	if (buf_error(&now) == SMX_OK && now.len != 0 &&
	    known->hosts[0] != '\0' && strcmp(known->hosts, now.data) != 0)
		mxcheck_add(out, MX_CHANGED, MXLEVEL_ALARM, "",
		    "the MX records have changed from %.120s to %.120s",
		    known->hosts, now.data);
	buf_free(&now);
}

/* ---- the order of them ---- */

static const struct mxcheck_host *
best(const struct mxcheck_look *look, int own, int primary)
{
	const struct mxcheck_host *found = NULL;

	for (size_t i = 0; i < look->count; i++) {
		const struct mxcheck_host *h = &look->hosts[i];

		if ((h->own != 0) != own || (primary && !h->primary))
			continue;
		if (found == NULL || h->preference < found->preference)
			found = h;
	}
	return found;
}

static void
order(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	const struct mxcheck_host *own = best(look, 1, 0);
	const struct mxcheck_host *primary = best(look, 0, 1);

	if (!look->backup)
		return;
	if (primary == NULL)
		primary = best(look, 0, 0);
	if (own == NULL)
		mxcheck_add(out, MX_NOT_NAMED, MXLEVEL_WARNING, "",
		    "no MX record names this host, its backup: nobody will"
		    " come here");
	else if (primary == NULL)
		mxcheck_add(out, MX_NO_PRIMARY, MXLEVEL_ALARM, "",
		    "the MX records name nobody but this host, its backup");
	else if (own->preference < primary->preference)
		mxcheck_add(out, MX_BACKUP_BETTER, MXLEVEL_ALARM, own->name,
		    "the backup is tried before the primary: %u for %s, %u for"
		    " %s",
		    own->preference, own->name, primary->preference,
		    primary->name);
	else if (own->preference == primary->preference)
		mxcheck_add(out, MX_BACKUP_EQUAL, MXLEVEL_WARNING, own->name,
		    "the backup gets as much mail as the primary: %u for both"
		    " %s and %s",
		    own->preference, own->name, primary->name);
}

/* ---- each of them ---- */

static void
host(const struct mxcheck_host *h, struct mxcheck_findings *out)
{
	if (h->address == THERE_NO)
		mxcheck_add(out, MX_NO_ADDRESS, MXLEVEL_ALARM, h->name,
		    "%s has no address", h->name);
	if (h->alias)
		mxcheck_add(out, MX_ALIAS, MXLEVEL_WARNING, h->name,
		    "%s is an alias (CNAME), which an MX record may not name",
		    h->name);
	if (h->answer == MXANSWER_SILENT && !h->excused)
		mxcheck_add(out, MX_SILENT, MXLEVEL_ALARM, h->name,
		    "%s does not answer: %s", h->name, h->said);
	if (h->answer == MXANSWER_REFUSES && !h->excused)
		mxcheck_add(out, MX_REFUSES, MXLEVEL_ALARM, h->name,
		    "%s does not take mail for postmaster: %s", h->name,
		    h->said);
}

/* One that has a TLSA record is reached by authenticated TLS; an attacker turns
 * to the others. */
static void
tlsa(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	const struct mxcheck_host *with = NULL;

	for (size_t i = 0; i < look->count; i++)
		if (look->hosts[i].tlsa == THERE_YES &&
		    (with == NULL ||
			look->hosts[i].preference < with->preference))
			with = &look->hosts[i];
	for (size_t i = 0; with != NULL && i < look->count; i++)
		if (look->hosts[i].tlsa == THERE_NO)
			mxcheck_add(out, MX_NO_TLSA, MXLEVEL_WARNING,
			    look->hosts[i].name,
			    "%s has a TLSA record, %s has none", with->name,
			    look->hosts[i].name);
}

static void
servers(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	for (size_t i = 0; i < look->server_count; i++) {
		const struct mxcheck_server *s = &look->servers[i];

		if (s->agrees == SERVER_DIFFERS)
			mxcheck_add(out, MX_SERVERS_DIFFER, MXLEVEL_ALARM,
			    s->name, "the name server %s has other MX records",
			    s->name);
		else if (s->agrees == SERVER_SILENT)
			mxcheck_add(out, MX_SERVER_SILENT, MXLEVEL_WARNING,
			    s->name,
			    "the name server %s does not tell the MX records",
			    s->name);
		else if (s->agrees == SERVER_NO_ADDRESS)
			mxcheck_add(out, MX_SERVER_NO_ADDRESS, MXLEVEL_WARNING,
			    s->name, "the name server %s has no address",
			    s->name);
	}
}

void
mxcheck(const struct mxcheck_look *look, const struct mxcheck_known *known,
    struct mxcheck_findings *out)
{
	out->count = 0;
	if (look->set == MXSET_UNSURE) {
		mxcheck_add(out, MX_NOT_LOOKED_UP, MXLEVEL_ALARM, "",
		    "the MX records cannot be looked up: %s", look->why);
		return;
	}
	if (look->set != MXSET_HOSTS) {
		missing(look, known, out);
	} else {
		changed(look, known, out);
		order(look, out);
		for (size_t i = 0; i < look->count; i++)
			host(&look->hosts[i], out);
		tlsa(look, out);
	}
	servers(look, out);
	mxcheck_policy(look, known, out);
}

/* ---- what one look can tell ---- */

static int
knows_host(const struct mxcheck_look *look, enum mxcheck_what what,
    const char *name)
{
	for (size_t i = 0; i < look->count; i++) {
		const struct mxcheck_host *h = &look->hosts[i];

		if (strcmp(h->name, name) != 0)
			continue;
		if (what == MX_NO_TLSA)
			return h->tlsa != THERE_UNSURE;
		if (what == MX_SILENT || what == MX_REFUSES)
			return h->answer != MXANSWER_NOT_ASKED && !h->excused;
		return h->address != THERE_UNSURE;
	}
	return 1;
}

int
mxcheck_knows(const struct mxcheck_look *look, enum mxcheck_what what,
    const char *subject)
{
	if (what == MX_NOT_LOOKED_UP)
		return 1;
	if (look->set == MXSET_UNSURE)
		return 0;
	switch (what) {
	case MX_NO_ADDRESS:
	case MX_ALIAS:
	case MX_SILENT:
	case MX_REFUSES:
	case MX_NO_TLSA:
		return knows_host(look, what, subject);
	case MX_SERVERS_DIFFER:
	case MX_SERVER_SILENT:
	case MX_SERVER_NO_ADDRESS:
		for (size_t i = 0; i < look->server_count; i++)
			if (strcmp(look->servers[i].name, subject) == 0)
				return look->servers[i].agrees != SERVER_UNSURE;
		return look->server_count != 0;
	case MX_STS_SEVERAL:
		return look->sts != THERE_UNSURE;
	case MX_TLSA_UNUSABLE:
	case MX_TLSA_DIFFERS:
	case MX_STS_NO_POLICY:
	case MX_STS_INVALID:
	case MX_STS_NOT_COVERED:
	case MX_STS_NO_TLS:
		return mxcheck_knows_policy(look, what, subject);
	default:
		return 1;
	}
}

enum mxcheck_level
mxcheck_worst(const struct mxcheck_findings *findings)
{
	enum mxcheck_level worst = MXLEVEL_GOOD;

	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].level > worst)
			worst = findings->list[i].level;
	return worst;
}
