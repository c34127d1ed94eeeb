/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/mxwatch.h"

#include <stddef.h>

#include "base/buf.h"
#include "glue/mxwatch_in.h"

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

static const char *
tls_word(enum mxcheck_tls tls)
{
	switch (tls) {
	case MXTLS_YES:
		return "yes";
	case MXTLS_NOT_OFFERED:
		return "not offered";
	case MXTLS_FAILED:
		return "failed";
	case MXTLS_NOT_ASKED:
		break;
	}
	return "";
}

/* Only what was looked at. */
static void
show_tls(struct buf *b, const struct mxcheck_host *h)
{
	if (h->tlsa == THERE_YES)
		json_bool(b, "tlsa_secure", h->tlsa_secure);
	if (h->tlsa_matches != THERE_UNSURE)
		json_bool(b, "tlsa_matches", h->tlsa_matches == THERE_YES);
	if (h->tls != MXTLS_NOT_ASKED)
		json_str(b, "tls", tls_word(h->tls));
	if (h->certified != THERE_UNSURE)
		json_bool(b, "certified", h->certified == THERE_YES);
	if (h->tls_said[0] != '\0')
		json_str(b, "tls_text", h->tls_said);
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
	show_tls(b, h);
	json_close(b);
}

static void
show_policy(struct buf *b, const struct mxcheck_look *look)
{
	const struct stspolicy *p = &look->policy;

	if (look->sts_policy != THERE_YES && look->sts_why[0] != '\0')
		json_str(b, "sts_text", look->sts_why);
	if (look->sts_policy != THERE_YES)
		return;
	json_str(b, "sts_mode", stspolicy_mode_word(p->mode));
	json_num(b, "sts_max_age_s", p->max_age_s);
	json_list(b, "sts_mx");
	for (size_t i = 0; i < p->mx_count; i++)
		json_item(b, p->mx[i]);
	json_end(b);
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

char *
mxwatch_show(const struct mxcheck_look *look,
    const struct mxcheck_findings *findings, const struct mxnews *news,
    int64_t took_ms)
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
	show_policy(&b, look);
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
