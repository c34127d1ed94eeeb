/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/spoken_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "glue/backup_rcpt_in.h"
#include "glue/node.h"
#include "io/backup_rcpts.h"

/*
 * The list of a domain's recipients, as its primary says it.  Its entries go
 * into the ledger piece by piece; which list they make is noted in the store
 * only when the last piece is durable, and struck out before the first: what is
 * in between is no list, and is said anew.  The note counts with the ledger's
 * own mark of the same time: another ledger, or a domain that was forgotten,
 * has no list.
 */
#define NOTE       "list."
#define NOTE_BYTES 128
/* A list is confirmed again and again; it is not written each time. */
#define CONFIRM_MS 60000

static struct smx_store *
store_of(struct spoken *spoken)
{
	return node_ports(backup_node(spoken->backup))->store;
}

static struct decider *
decider_of(struct spoken *spoken)
{
	return backup_decider(spoken->backup);
}

/* ---- the note ---- */

struct note {
	uint8_t digest[SMX_DIGEST_BYTES];
	int64_t confirmed_ms;
};

static int
note_set(struct spoken *spoken, const char *domain, const struct note *note)
{
	struct smx_store *store = store_of(spoken);
	char name[sizeof(NOTE) + BACKUP_DOMAIN_MAX];
	char hex[2 * SMX_DIGEST_BYTES + 1], text[NOTE_BYTES] = "";

	(void)snprintf(name, sizeof(name), NOTE "%s", domain);
	if (note != NULL) {
		hex_format(note->digest, SMX_DIGEST_BYTES, hex);
		(void)snprintf(text, sizeof(text), "%s %" PRId64, hex,
		    note->confirmed_ms);
	}
	return store->ops->meta_set(store->ctx, name, text);
}

static int
note_get(struct spoken *spoken, const char *domain, struct note *out)
{
	const size_t hex = (size_t)2 * SMX_DIGEST_BYTES;
	struct smx_store *store = store_of(spoken);
	char name[sizeof(NOTE) + BACKUP_DOMAIN_MAX], text[NOTE_BYTES];
	uint64_t ms;

	(void)snprintf(name, sizeof(name), NOTE "%s", domain);
	if (store->ops->meta_get(store->ctx, name, text, sizeof(text)) !=
		SMX_OK ||
	    strlen(text) < hex + 2 ||
	    hex_parse(text, hex, out->digest, SMX_DIGEST_BYTES) != SMX_OK ||
	    number_parse(text + hex + 1, strlen(text) - hex - 1, INT64_MAX,
		&ms) != SMX_OK)
		return SMX_ENOTFOUND;
	out->confirmed_ms = (int64_t)ms;
	return SMX_OK;
}

static int
mark_of(struct spoken *spoken, const char *domain,
    struct backup_rcpts_sight *out)
{
	struct addr addr;
	char rcpt[BACKUP_DOMAIN_MAX + 16];

	(void)snprintf(rcpt, sizeof(rcpt), "postmaster@%s", domain);
	if (addr_read(&addr, rcpt) != SMX_OK)
		return SMX_EINVAL;
	return backup_rcpts_look(decider_of(spoken)->rcpts, &addr, out);
}

/* What a file says of all stays in the mark's place. */
static int
have(struct spoken *spoken, const char *domain, struct note *note, int *all)
{
	struct backup_rcpts_sight sight;

	if (note_get(spoken, domain, note) != SMX_OK ||
	    mark_of(spoken, domain, &sight) != SMX_OK)
		return 0;
	*all = sight.all == RCPTS_ALL_PEER;
	return sight.all == RCPTS_ALL_FILE ||
	       (sight.all >= RCPTS_ALL_LISTED &&
		   sight.all_asked_ms == note->confirmed_ms);
}

/* The mark first: a note without it is none. */
static int
confirm(struct spoken *spoken, const char *domain, const uint8_t *digest,
    int all)
{
	struct note note = { .confirmed_ms = clock_wall_ms() };
	int rc = backup_rcpts_all(decider_of(spoken)->rcpts, domain,
	    all ? RCPTS_ALL_PEER : RCPTS_ALL_LISTED, note.confirmed_ms);

	memcpy(note.digest, digest, SMX_DIGEST_BYTES);
	return rc == SMX_OK ? note_set(spoken, domain, &note) : rc;
}

int
spoken_listed(struct spoken *spoken, size_t peer, const struct smx_push *push,
    struct smx_reply *reply)
{
	struct note note;
	int64_t age;
	int all = 0;

	(void)peer;
	memcpy(reply->have, listsum_none, SMX_DIGEST_BYTES);
	if (!have(spoken, push->domain, &note, &all))
		return SMX_OK;
	memcpy(reply->have, note.digest, SMX_DIGEST_BYTES);
	age = clock_wall_ms() - note.confirmed_ms;
	if (memcmp(note.digest, push->digest, SMX_DIGEST_BYTES) == 0 &&
	    (age > CONFIRM_MS || age < 0))
		return confirm(spoken, push->domain, note.digest, all);
	return SMX_OK;
}

/* ---- a list that arrives ---- */

static struct taking *
taking_find(struct spoken *spoken, size_t peer, const struct smx_push *push)
{
	for (size_t i = 0; i < SPOKEN_TAKINGS; i++) {
		struct taking *t = &spoken->taking[i];

		if (t->used && t->peer == peer &&
		    strcmp(t->domain, push->domain) == 0 &&
		    memcmp(t->base, push->base, SMX_DIGEST_BYTES) == 0 &&
		    memcmp(t->digest, push->digest, SMX_DIGEST_BYTES) == 0)
			return t;
	}
	return NULL;
}

/* Of a domain there is one at a time. */
static struct taking *
taking_room(struct spoken *spoken, const char *domain)
{
	struct taking *oldest = &spoken->taking[0];

	for (size_t i = 0; i < SPOKEN_TAKINGS; i++) {
		struct taking *t = &spoken->taking[i];

		if (t->used && strcmp(t->domain, domain) == 0)
			return t;
		if (!t->used)
			oldest = oldest->used ? t : oldest;
		else if (oldest->used && t->touched_ms < oldest->touched_ms)
			oldest = t;
	}
	return oldest;
}

/* Each list has a time of its own, by which its entries are told from those of
 * the one before. */
static int64_t
learned_now(struct spoken *spoken)
{
	int64_t now = clock_wall_ms();

	if (now <= spoken->learned_ms)
		now = spoken->learned_ms + 1;
	spoken->learned_ms = now;
	return now;
}

static int
is_whole(const struct taking *t)
{
	return memcmp(t->base, listsum_none, SMX_DIGEST_BYTES) == 0;
}

static int
taking_begin(struct spoken *spoken, size_t peer, const struct smx_push *push,
    struct taking **out)
{
	struct taking *t = taking_find(spoken, peer, push);
	struct note note;
	int all = 0, rc;

	*out = NULL;
	/* Its first piece again, or it leads from what is here. */
	if (t == NULL &&
	    memcmp(push->base, listsum_none, SMX_DIGEST_BYTES) != 0 &&
	    (!have(spoken, push->domain, &note, &all) ||
		memcmp(note.digest, push->base, SMX_DIGEST_BYTES) != 0))
		return SMX_OK;
	if (t != NULL)
		all = t->base_all;
	rc = rcptlearn_flush(decider_of(spoken)->learn);
	if (rc == SMX_OK)
		rc = note_set(spoken, push->domain, NULL);
	if (rc != SMX_OK)
		return rc;
	t = taking_room(spoken, push->domain);
	memset(t, 0, sizeof(*t));
	t->used = 1;
	t->peer = peer;
	t->all = t->base_all =
	    all && memcmp(push->base, listsum_none, SMX_DIGEST_BYTES) != 0;
	(void)snprintf(t->domain, sizeof(t->domain), "%s", push->domain);
	memcpy(t->base, push->base, SMX_DIGEST_BYTES);
	memcpy(t->digest, push->digest, SMX_DIGEST_BYTES);
	t->learned_ms = learned_now(spoken);
	listsum_begin(&t->sum, t->base);
	*out = t;
	return SMX_OK;
}

/* ---- a piece ---- */

struct piece {
	struct backup_rcpts_news *news;
	const char **gone;
	size_t news_count, gone_count;
};

static int
piece_read(struct taking *t, const struct smx_push *push, size_t count,
    struct piece *piece)
{
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < count; i++) {
		const struct smx_push_entry *e = &push->entries[i];

		rc = listsum_count(&t->sum, e->local, e->gone);
		if (e->local[0] == '\0')
			t->all = !e->gone;
		else if (e->gone)
			piece->gone[piece->gone_count++] = e->local;
		else
			piece->news[piece->news_count++] =
			    (struct backup_rcpts_news){ t->domain, e->local,
				    { 1, RCPT_FROM_PEER, t->learned_ms } };
	}
	return rc;
}

static int
piece_write(struct spoken *spoken, struct taking *t, const struct piece *piece)
{
	struct decider *decider = decider_of(spoken);
	struct smx_config *config = node_config(backup_node(spoken->backup));
	const struct conf *conf = config_conf(config);
	struct backup_rcpts_limits limits = {
		.most = (uint64_t)conf->backup_recipients,
		.ages = decider_ages(conf),
		.now_ms = clock_wall_ms()
	};
	size_t unkept = 0, gone = 0;
	int rc = SMX_OK;

	smx_config_release(&config);
	if (piece->gone_count != 0)
		rc = backup_rcpts_strike(decider->rcpts, t->domain, piece->gone,
		    piece->gone_count, &gone);
	if (rc == SMX_OK && piece->news_count != 0)
		rc = backup_rcpts_learn(decider->rcpts, piece->news,
		    piece->news_count, &limits, &unkept);
	t->gone += piece->gone_count;
	t->added += piece->news_count;
	return rc == SMX_OK && unkept != 0 ? SMX_EFULL : rc;
}

static int
piece_take(struct spoken *spoken, struct taking *t, const struct smx_push *push,
    size_t count)
{
	struct piece piece = { 0 };
	int rc = SMX_ENOMEM;

	piece.news = calloc(count + 1, sizeof(*piece.news));
	piece.gone = calloc(count + 1, sizeof(*piece.gone));
	if (piece.news != NULL && piece.gone != NULL)
		rc = piece_read(t, push, count, &piece);
	if (rc == SMX_OK)
		rc = piece_write(spoken, t, &piece);
	free(piece.news);
	free(piece.gone);
	return rc;
}

static void
log_list(struct spoken *spoken, const struct taking *t, int rc)
{
	struct log_line l;

	log_begin(&l, rc == SMX_OK ? SMX_LOG_NOTICE : SMX_LOG_WARNING, NULL,
	    "list-taken");
	log_str(&l, "peer",
	    node_peer_name(backup_node(spoken->backup), t->peer));
	log_str(&l, "domain", t->domain);
	log_num(&l, "whole", is_whole(t));
	log_num(&l, "added", (int64_t)t->added);
	log_num(&l, "gone", (int64_t)t->gone);
	log_num(&l, "takes_all", t->all);
	log_err(&l, "result", rc);
	log_end(&l);
}

/* For a list without room there is none: what is here is neither the old one
 * nor the new one, and whoever is not in it is not bad for that. */
static void
taking_fail(struct spoken *spoken, struct taking *t, int rc)
{
	struct backup_rcpts *rcpts = decider_of(spoken)->rcpts;
	size_t gone;
	int drop = SMX_OK;

	if (rc == SMX_EFULL)
		drop = backup_rcpts_all(rcpts, t->domain, RCPTS_ALL_UNSAID,
		    clock_wall_ms());
	if (rc == SMX_EFULL && drop == SMX_OK)
		drop = backup_rcpts_settle(rcpts, t->domain, 0, &gone);
	log_list(spoken, t, drop != SMX_OK ? drop : rc);
	t->used = 0;
}

/* SMX_ECORRUPT: the entries do not make the list that was announced. */
static int
taking_end(struct spoken *spoken, struct taking *t)
{
	uint8_t digest[SMX_DIGEST_BYTES];
	size_t gone = 0;
	int rc = SMX_OK;

	listsum_end(&t->sum, digest);
	if (memcmp(digest, t->digest, SMX_DIGEST_BYTES) != 0)
		rc = SMX_ECORRUPT;
	if (rc == SMX_OK && is_whole(t))
		rc = backup_rcpts_settle(decider_of(spoken)->rcpts, t->domain,
		    t->learned_ms, &gone);
	t->gone += gone;
	if (rc == SMX_OK)
		rc = confirm(spoken, t->domain, t->digest, t->all);
	log_list(spoken, t, rc);
	t->used = 0;
	return rc;
}

int
spoken_push(struct spoken *spoken, size_t peer, const struct smx_push *push,
    size_t count, struct smx_reply *reply)
{
	struct taking *t = taking_find(spoken, peer, push);
	int rc = SMX_OK;

	reply->next = 0;
	if (memcmp(push->digest, listsum_none, SMX_DIGEST_BYTES) == 0)
		return SMX_EREFUSED; /* a list of nobody */
	if (push->part == 0)
		rc = taking_begin(spoken, peer, push, &t);
	if (rc != SMX_OK || t == NULL)
		return rc;
	t->touched_ms = clock_mono_ms();
	if (push->part + 1 == t->next) {
		reply->next = t->next; /* it has not heard our answer */
		return SMX_OK;
	}
	if (push->part != t->next)
		return SMX_OK;
	rc = piece_take(spoken, t, push, count);
	if (rc != SMX_OK) {
		taking_fail(spoken, t, rc);
		return rc;
	}
	t->next++;
	if (push->last)
		rc = taking_end(spoken, t);
	if (rc == SMX_ECORRUPT)
		return SMX_OK;
	reply->next = push->part + 1;
	return rc;
}
