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

/* ---- what it came to, for people ---- */

static const char *
answer_word(enum mxcheck_answer answer)
{
	switch (answer) {
	case MXANSWER_READY:
	case MXANSWER_DEFERS:
		return "yes";
	case MXANSWER_REFUSES:
	case MXANSWER_SILENT:
		return "no";
	case MXANSWER_NOT_ASKED:
		break;
	}
	return "";
}

static const char *
agrees_word(enum mxcheck_agrees agrees)
{
	switch (agrees) {
	case SERVER_AGREES:
		return "yes";
	case SERVER_DIFFERS:
		return "no";
	case SERVER_SILENT:
		return "silent";
	case SERVER_NO_ADDRESS:
		return "no address";
	case SERVER_UNSURE:
		break;
	}
	return "";
}

static void
show_host(struct buf *b, const struct mxcheck_host *h)
{
	json_open(b);
	json_str(b, "name", h->name);
	json_num(b, "preference", h->preference);
	json_num(b, "addresses", h->addresses);
	json_str(b, "answers", answer_word(h->answer));
	json_str(b, "text", h->said);
	json_bool(b, "own", h->own);
	json_bool(b, "primary", h->primary);
	if (h->tlsa != THERE_UNSURE)
		json_bool(b, "tlsa", h->tlsa == THERE_YES);
	json_close(b);
}

static void
show_finding(struct buf *b, const struct mxcheck_finding *f,
    const struct mxnews *news)
{
	json_open(b);
	json_str(b, "what", mxcheck_word(f->what));
	json_str(b, "level", f->level == MXLEVEL_ALARM ? "err" : "warning");
	if (f->subject[0] != '\0')
		json_str(b, "host", f->subject);
	json_bool(b, "told",
	    mxcheck_is_event(f->what) ||
		mxnews_is_told(news, f->what, f->subject));
	json_str(b, "text", f->text);
	json_close(b);
}

static const char *
result_word(const struct mxcheck_look *look,
    const struct mxcheck_findings *findings, const struct mxnews *news)
{
	if (look->set == MXSET_UNSURE &&
	    !mxnews_is_told(news, MX_NOT_LOOKED_UP, ""))
		return "unsure";
	switch (mxcheck_worst(findings)) {
	case MXLEVEL_ALARM:
		return "alarm";
	case MXLEVEL_WARNING:
		return "warning";
	case MXLEVEL_GOOD:
		break;
	}
	return "ok";
}

/* Members of an object whose first ones are not here. */
static char *
show(const struct mxcheck_look *look, const struct mxcheck_findings *findings,
    const struct mxnews *news, int64_t took_ms)
{
	struct buf b;

	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "result", result_word(look, findings, news));
	json_bool(&b, "backup", look->backup);
	json_list(&b, "hosts");
	for (size_t i = 0; i < look->count; i++)
		show_host(&b, &look->hosts[i]);
	json_end(&b);
	json_list(&b, "name_servers");
	for (size_t i = 0; i < look->server_count; i++) {
		json_open(&b);
		json_str(&b, "name", look->servers[i].name);
		json_str(&b, "agrees", agrees_word(look->servers[i].agrees));
		json_close(&b);
	}
	json_end(&b);
	if (look->sts == THERE_YES)
		json_str(&b, "sts_id", look->sts_id);
	json_list(&b, "findings");
	for (size_t i = 0; i < findings->count; i++)
		show_finding(&b, &findings->list[i], news);
	json_end(&b);
	if (news->told_ms != 0)
		json_num(&b, "told_at_ms", news->told_ms);
	json_num(&b, "ms", took_ms);
	if (buf_error(&b) != SMX_OK) {
		buf_free(&b);
		return NULL;
	}
	buf_drop(&b, 1); /* the brace */
	return buf_take(&b, &(size_t){ 0 });
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
		*shown = show(&seen->look, &seen->findings, &domain->news,
		    clock_mono_ms() - began_ms);
	} else if (rc != SMX_ECLOSED) {
		not_kept(domain->name, rc);
	}
	free(seen);
	return mxnews_is_waiting(&domain->news);
}
