/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/check.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/conf.h"
#include "core/mtacheck_in.h"
#include "io/mtadomains.h"
#include "io/mtalook.h"
#include "io/rcptprobe.h"

#define STEP_MS     20000
#define DEADLINE_MS 300000

/* Every host has these for itself. */
static int
is_own(const char *domain)
{
	return strcmp(domain, "localhost") == 0 ||
	       strncmp(domain, "localhost.", 10) == 0;
}

int
smx_check_domains(const struct smx_config *config, smx_domain_fn each,
    smx_skipped_fn skipped, void *ctx)
{
	const char *dir = config_conf(config)->mta_config_directory;
	struct mta_domains domains;
	struct mta_look look;
	struct arena arena;
	int rc = SMX_EIO;

	memset(&look, 0, sizeof(look));
	memset(&domains, 0, sizeof(domains));
	arena_init(&arena);
	if (mta_look_main(&look, dir, &arena))
		rc = mta_domains_collect(&domains, dir, &look.main, &arena);
	else if (skipped != NULL)
		skipped(ctx, dir, look.facts.answer);
	for (size_t i = 0; rc == SMX_OK && i < domains.count; i++)
		if (domains.list[i][0] != '.' && !is_own(domains.list[i]))
			each(ctx, domains.list[i]);
	for (size_t i = 0; skipped != NULL && i < domains.table_count; i++)
		skipped(ctx, domains.tables[i], domains.whys[i]);
	mta_domains_free(&domains);
	arena_free(&arena);
	return rc;
}

/* ---- asking ---- */

struct asking {
	struct mta_check check;
	struct mta_domains domains;
	const char **addresses;
	int has_domains;
	const char *relay; /* relay_domains with those that are missing */
};

static void
tell(struct asking *a, const char *name, enum smx_severity severity,
    const char *address, const char *why, const char *fix)
{
	struct finding f;

	finding_begin(&f, &a->check, severity, name);
	f.f.where = address;
	if (fix != NULL)
		fix_run(&f, fix);
	finding_tell(&f, why);
}

static void
answered(void *ctx, size_t index, int result, const char *words)
{
	struct asking *a = ctx;
	struct arena *arena = a->check.arena;
	const char *address = a->addresses[index];

	if (result == SMX_ETEMP)
		tell(a, "recipient-deferred", SMX_WARNING, address,
		    mta_fmt(arena,
			"this host's MTA does not know at the moment whether "
			"it "
			"would take this: %s",
			words),
		    NULL);
	else if (result != SMX_OK)
		tell(a, "recipient-refused", SMX_ERROR, address,
		    mta_fmt(arena,
			"this host's MTA would not take it, so after a "
			"takeover "
			"such mail is quarantined: %s",
			words),
		    NULL);
}

/* Names may come from another host: what is no name gets into no line that
 * people will paste. */
static int
is_name(const char *domain)
{
	size_t len = strspn(domain, "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return len > 0 && domain[len] == '\0' && domain[0] != '-' &&
	       domain[0] != '.';
}

static const char *
relay_command(struct asking *a, const char *domain)
{
	struct mta_check *c = &a->check;

	a->relay = mta_fmt(c->arena, "%s%s%s", a->relay,
	    a->relay[0] == '\0' ? "" : ", ", domain);
	return mta_fmt(c->arena, "postconf -c %s -e %s",
	    finding_quote(c, c->config_directory),
	    finding_quote(c,
		mta_fmt(c->arena, "relay_domains = %s", a->relay)));
}

/* Taken only because shadowmxd may send anywhere: then it goes where the MX
 * records point, and that is the lost host, or this one. */
static void
judge_domain(struct asking *a, const struct mta_values *main,
    const char *domain)
{
	int relayed = mta_text(main, "relayhost")[0] != '\0';

	if (!a->has_domains || mta_domains_have(&a->domains, domain) ||
	    mta_domains_routed(&a->domains, mta_text(main, "transport_maps"),
		domain))
		return;
	tell(a, "domain-foreign", relayed ? SMX_WARNING : SMX_ERROR, domain,
	    relayed
		? "this host's MTA does not know the domain as one of its own: "
		  "after a takeover it sends such mail to relayhost, and who "
		  "does not exist there is told so late"
		: "this host's MTA does not know the domain as one of its own: "
		  "after a takeover it sends such mail where the MX records "
		  "point, to the lost host or in a circle, and returns it in "
		  "the end",
	    is_name(domain) ? relay_command(a, domain) : NULL);
}

static int
prepare(struct asking *a, const struct mta_look *look, const char *const *names,
    size_t count)
{
	struct arena *arena = a->check.arena;

	a->addresses = arena_alloc(arena, count + 1, sizeof(*a->addresses));
	if (a->addresses == NULL)
		return SMX_ENOMEM;
	a->relay = mta_text(&look->main, "relay_domains");
	for (size_t i = 0; i < count; i++) {
		const char *at = strrchr(names[i], '@');

		a->addresses[i] =
		    at != NULL ? names[i]
			       : mta_fmt(arena, "postmaster@%s", names[i]);
		judge_domain(a, &look->main, at == NULL ? names[i] : at + 1);
	}
	return arena_failed(arena) ? SMX_ENOMEM : SMX_OK;
}

static int
ask(struct asking *a, size_t count)
{
	struct rcptprobe probe = { .target = a->check.conf->mta_submit,
		.helo = a->check.conf->node,
		.step_ms = STEP_MS,
		.deadline_mono_ms = clock_mono_ms() + DEADLINE_MS,
		.addresses = a->addresses,
		.count = count,
		.each = answered,
		.ctx = a };
	char why[512];

	if (probe.target[0] == '\0') {
		tell(a, "accepts-unasked", SMX_WARNING, "mta.submit",
		    "it is not set: nothing is ever taken over here", NULL);
		return SMX_OK;
	}
	if (rcptprobe_run(&probe, why, sizeof(why)) != SMX_OK)
		tell(a, "accepts-unasked", SMX_ERROR, "mta.submit",
		    mta_fmt(a->check.arena,
			"the MTA cannot be asked, and could take nothing over "
			"now: %s",
			why),
		    NULL);
	return SMX_OK;
}

int
smx_check_accepts(const struct smx_config *config, const char *const *names,
    size_t count, smx_finding_fn each, void *ctx)
{
	const struct conf *conf = config_conf(config);
	struct asking a = { .check = { .conf = conf,
				.config_directory = conf->mta_config_directory,
				.each = each,
				.ctx = ctx } };
	struct mta_look look;
	struct arena arena;
	int rc;

	memset(&look, 0, sizeof(look));
	arena_init(&arena);
	a.check.arena = &arena;
	if (mta_look_main(&look, conf->mta_config_directory, &arena))
		a.has_domains =
		    mta_domains_collect(&a.domains, conf->mta_config_directory,
			&look.main, &arena) == SMX_OK;
	rc = prepare(&a, &look, names, count);
	if (rc == SMX_OK)
		rc = ask(&a, count);
	mta_domains_free(&a.domains);
	arena_free(&arena);
	return rc;
}
