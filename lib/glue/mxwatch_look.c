/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/mxwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/alarm.h"
#include "glue/mxwatch_in.h"
#include "glue/primaries.h"
#include "io/backup_mx.h"

/* A host that was silent is spared for a part of the time between two looks. */
#define SPARED_PART 4
#define SPARED_MAX  60000
/* Written down once in a while although nothing has changed: who looked last is
 * what pruning goes by. */
#define SAVE_MS (INT64_C(24) * 3600 * 1000)

/* ---- news ---- */

struct telling {
	struct mxwatch *watch;
	const char *domain;
};

static void
tell(void *ctx, enum mxcheck_what what, enum mxcheck_level level,
    const char *subject, const char *text)
{
	const struct telling *t = ctx;
	const char *event = text == NULL             ? "mx-clear"
			    : level == MXLEVEL_ALARM ? "mx-alarm"
						     : "mx-warning";
	struct log_line l;
	char word[32];

	log_begin(&l,
	    text == NULL             ? SMX_LOG_NOTICE
	    : level == MXLEVEL_ALARM ? SMX_LOG_ERR
				     : SMX_LOG_WARNING,
	    NULL, event);
	log_str(&l, "domain", t->domain);
	log_str(&l, "what", mxcheck_word(what));
	if (subject[0] != '\0')
		log_str(&l, "host", subject);
	if (text != NULL)
		log_str(&l, "text", text);
	log_end(&l);
	if (text == NULL || level != MXLEVEL_ALARM)
		return;
	snprintf(word, sizeof(word), "mx-%s", mxcheck_word(what));
	alarm_tell(backup_node(t->watch->backup), word, t->domain, text);
}

static void
not_kept(const char *domain, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "mx-not-kept");
	log_str(&l, "domain", domain);
	log_err(&l, "result", rc);
	log_end(&l);
}

static void
load(struct mxwatch *w, struct mxdomain *d)
{
	int rc;

	if (d->loaded)
		return;
	rc = backup_mx_load(backup_db(w->backup), d->name, &d->news);
	d->loaded = 1;
	if (rc != SMX_OK && rc != SMX_ENOTFOUND)
		not_kept(d->name, rc);
}

/* Told first: a person hears of it twice rather than never. */
static void
save(struct mxwatch *w, struct mxdomain *d)
{
	int64_t now = clock_wall_ms();
	int rc;

	if (!d->news.changed && now >= d->saved_ms &&
	    now < d->saved_ms + SAVE_MS)
		return;
	rc = backup_mx_save(backup_db(w->backup), d->name, &d->news, now);
	if (rc != SMX_OK) {
		not_kept(d->name, rc);
		return;
	}
	d->news.changed = 0;
	d->saved_ms = now;
}

/* ---- a look ---- */

static int
waiting(void *ctx, int64_t waited_ms)
{
	(void)waited_ms;
	return backup_rest(ctx, 0);
}

struct seen {
	struct mxcheck_look look;
	struct mxcheck_findings findings;
};

/* Who watches the primaries tells that they are down, and an operator has said
 * so who announced it. */
static int
primary_is_away(struct mxwatch *w, const char *domain,
    const struct smx_backup *backup)
{
	struct primaries *primaries = backup_primaries(w->backup);
	struct primaries_word word = { .announced = 0 };

	if (backup == NULL || primaries == NULL)
		return 0;
	return primaries_state(primaries, backup, domain, &word) == MX_DOWN ||
	       word.announced;
}

static int
look(struct mxwatch *w, struct mxdomain *d, const struct smx_backup *backup,
    const struct conf *conf, struct seen *seen)
{
	int64_t spared_ms = conf->backup_mx_watch_ms / SPARED_PART;
	struct mxlook_question question = {
		.domain = d->name,
		.backup = backup,
		.primary_is_away = primary_is_away(w, d->name, backup),
		.probe_ms = conf->backup_probe_wait_ms,
		.again_ms = spared_ms < SPARED_MAX ? spared_ms : SPARED_MAX,
		.kept = &d->kept,
		.fresh = d->fresh,
		.waiting = waiting,
		.waiting_ctx = w->backup,
	};

	return mxlook(w->looker, &question, &seen->look);
}

int
mxwatch_look(struct mxwatch *watch, struct mxdomain *domain,
    const struct smx_backup *backup, struct smx_config *config, char **shown)
{
	struct telling telling = { watch, domain->name };
	struct seen *seen = calloc(1, sizeof(*seen));
	int64_t began_ms = clock_mono_ms();
	int rc = SMX_ENOMEM;

	load(watch, domain);
	if (seen != NULL)
		rc = look(watch, domain, backup, config_conf(config), seen);
	if (rc == SMX_OK)
		rc = mxnews_look(&domain->news, &seen->look, clock_wall_ms(),
		    &seen->findings, tell, &telling);
	if (rc == SMX_OK) {
		save(watch, domain);
		*shown = mxwatch_show(&seen->look, &seen->findings,
		    &domain->news, clock_mono_ms() - began_ms);
	} else if (rc != SMX_ECLOSED) {
		not_kept(domain->name, rc);
	}
	free(seen);
	return mxnews_is_waiting(&domain->news);
}
