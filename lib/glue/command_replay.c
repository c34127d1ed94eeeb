/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/xtext.h"
#include "glue/node_impl.h"

/*
 *	replay [dry] [all] [since=MS] [until=MS] [limit=N] [recipient=ADDR]
 *	    [sender=ADDR] [message_id=ID] [primary=HOST] [--yes]
 *
 * Delivered messages out of the safety net, handed to the own MTA once more.
 * Values are in the text of core/xtext.h.  A line for each message as it goes,
 * one now and then where none is due, so that a reader who has left is noticed,
 * and one with the numbers at the end.
 */
#define SAY_MS    2000
#define RCPTS_MAX 50 /* are named in a line */

/* ---- words ---- */

static int
take_number(const char *text, int64_t *out)
{
	int64_t number = 0;

	if (text[0] == '\0' || strlen(text) > 18)
		return SMX_EINVAL;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return SMX_EINVAL;
		number = 10 * number + (*text - '0');
	}
	*out = number;
	return SMX_OK;
}

static int
take_text(const char *value, char *out, size_t size)
{
	size_t len = strlen(value);
	long n;

	if (len == 0 || len >= size)
		return SMX_EINVAL;
	n = xtext_decode(value, len, out);
	if (n < 0)
		return SMX_EINVAL;
	out[n] = '\0';
	return SMX_OK;
}

static int
take_word(struct replay *r, const char *word)
{
	struct netselect *s = &r->select;
	const char *value = strchr(word, '=');
	int64_t number = 0;
	const struct {
		const char *name;
		char *text;
		size_t size;
	} texts[] = {
		{ "recipient=", s->recipient, sizeof(s->recipient) },
		{ "sender=", s->sender, sizeof(s->sender) },
		{ "message_id=", s->message_id, sizeof(s->message_id) },
		{ "primary=", s->primary, sizeof(s->primary) },
	};

	if (strcmp(word, "dry") == 0 || strcmp(word, "all") == 0) {
		*(word[0] == 'd' ? &r->dry : &r->all) = 1;
		return SMX_OK;
	}
	if (value++ == NULL)
		return SMX_EINVAL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strncmp(word, texts[i].name, strlen(texts[i].name)) == 0)
			return take_text(value, texts[i].text, texts[i].size);
	if (take_number(value, &number) != SMX_OK)
		return SMX_EINVAL;
	if (strncmp(word, "since=", 6) == 0)
		s->since_ms = number;
	else if (strncmp(word, "until=", 6) == 0)
		s->until_ms = number;
	else if (strncmp(word, "limit=", 6) == 0 && number > 0)
		r->limit = (uint64_t)number;
	else
		return SMX_EINVAL;
	return SMX_OK;
}

static int
take_words(struct replay *r)
{
	struct command *c = r->command;
	const struct netselect *s = &r->select;

	for (size_t i = 1; i < c->words; i++)
		if (take_word(r, c->word[i]) != SMX_OK)
			return command_fail(c, SMX_EINVAL,
			    "not a criterion of a replay", c->word[i]);
	if (s->since_ms == 0 && s->until_ms == INT64_MAX &&
	    s->recipient[0] == '\0' && s->sender[0] == '\0' &&
	    s->message_id[0] == '\0' && s->primary[0] == '\0')
		return command_fail(c, SMX_EINVAL,
		    "at least one criterion is needed", "");
	if (!r->dry && !c->yes)
		return command_fail(c, SMX_ESTATE,
		    "nothing was done: messages would be delivered "
		    "again; " COMMAND_YES " does it",
		    "");
	return SMX_OK;
}

/* ---- lines ---- */

static int
say(struct replay *r, struct buf *b)
{
	r->said_ms = clock_mono_ms();
	return command_line(r->command, b);
}

static int
say_item(struct replay *r, const struct replay_item *item)
{
	const struct smx_row *row = &item->kept->row;
	char key[SMX_KEY_TEXT];
	struct buf b;
	size_t named = 0;
	int rc;

	smx_key_format(&row->key, key);
	buf_init(&b, 0);
	json_open(&b);
	json_num(&b, "time_ms", item->kept->ended_ms);
	json_str(&b, "key", key);
	json_str(&b, "primary", row->primary);
	json_str(&b, "queue_id", row->queue_id);
	json_str(&b, "sender", smx_envelope_sender(item->envelope));
	json_list(&b, "recipients");
	for (size_t i = 0; item->states[i] != '\0' && named < RCPTS_MAX; i++)
		if (item->states[i] == SMX_RCPT_OPEN) {
			json_item(&b,
			    smx_envelope_recipient(item->envelope, i));
			named++;
		}
	json_end(&b);
	json_num(&b, "recipient_count", (long long)item->rcpts);
	json_num(&b, "size", (long long)row->size);
	json_str(&b, "message_id", item->message_id);
	json_bool(&b, "held", row->held);
	json_str(&b, "outcome", item->outcome);
	json_str(&b, "text", item->text);
	json_close(&b);
	rc = say(r, &b);
	buf_free(&b);
	return rc;
}

static int
say_progress(struct replay *r)
{
	struct buf b;
	int rc;

	if (clock_mono_ms() - r->said_ms < SAY_MS)
		return SMX_OK;
	buf_init(&b, 0);
	json_open(&b);
	json_num(&b, "progress", (long long)r->looked_at);
	json_close(&b);
	rc = say(r, &b);
	buf_free(&b);
	return rc;
}

static int
say_end(struct replay *r)
{
	struct buf b;
	int rc;

	buf_init(&b, 0);
	json_open(&b);
	json_bool(&b, "dry", r->dry);
	json_num(&b, "messages", (long long)r->matched);
	json_num(&b, "handed", (long long)r->handed);
	json_num(&b, "refused", (long long)r->refused);
	json_num(&b, "failed", (long long)r->failed);
	json_num(&b, "damaged", (long long)r->damaged);
	json_num(&b, "left_to_others", (long long)r->left);
	json_close(&b);
	rc = say(r, &b);
	buf_free(&b);
	return rc;
}

static void
log_end_of(const struct replay *r, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "replay");
	log_num(&l, "uid", r->command->uid);
	log_num(&l, "dry", r->dry);
	log_num(&l, "messages", (int64_t)r->matched);
	log_num(&l, "handed", (int64_t)r->handed);
	log_num(&l, "refused", (int64_t)r->refused);
	log_num(&l, "failed", (int64_t)r->failed);
	log_num(&l, "damaged", (int64_t)r->damaged);
	log_num(&l, "left_to_others", (int64_t)r->left);
	log_err(&l, "result", rc);
	log_end(&l);
}

/* ---- one message ---- */

static int
is_alive(void *ctx, const char *name, size_t len)
{
	const struct replay *r = ctx;
	const struct smx_engine *node = r->command->node;

	for (size_t i = 0; i < node->peers; i++)
		if (strlen(node->peer_names[i]) == len &&
		    memcmp(node->peer_names[i], name, len) == 0)
			return r->alive[i];
	return 0;
}

static int
read_id(struct replay_item *item)
{
	const struct smx_content *content = &item->kept->content;
	size_t len = content->size < NETSELECT_HEAD ? (size_t)content->size
						    : NETSELECT_HEAD;
	char *head = malloc(len + 1);
	int rc = head == NULL ? SMX_ENOMEM : SMX_OK;

	if (rc == SMX_OK)
		rc = content->read(content->ctx, 0, head, len);
	if (rc == SMX_OK)
		netselect_find_id(head, len, item->message_id,
		    sizeof(item->message_id));
	free(head);
	return rc;
}

/* 1 it is meant, 0 it is not; an error. */
static int
look_at(struct replay *r, struct replay_item *item)
{
	struct smx_kept *kept = item->kept;
	size_t count = kept->row.recipients;
	int rc = smx_envelope_decode(kept->envelope, kept->envelope_len,
	    kept->envelope_len, &item->envelope);

	if (rc != SMX_OK)
		return rc == SMX_ENOMEM ? rc : SMX_ECORRUPT;
	count = smx_envelope_recipients(item->envelope);
	if (!netselect_sender(&r->select, smx_envelope_sender(item->envelope)))
		return 0;
	item->states = malloc(count + 1);
	if (item->states == NULL)
		return SMX_ENOMEM;
	item->rcpts =
	    netselect_recipients(&r->select, item->envelope, item->states);
	if (item->rcpts == 0)
		return 0;
	rc = read_id(item);
	if (rc != SMX_OK)
		return rc;
	return netselect_message_id(&r->select, item->message_id);
}

static void
count_outcome(struct replay *r, const char *outcome)
{
	if (strcmp(outcome, "handed") == 0)
		r->handed++;
	else if (strcmp(outcome, "refused") == 0)
		r->refused++;
	else if (!r->dry)
		r->failed++;
}

/* Nothing that its sums do not prove goes anywhere. */
static int
go(struct replay *r, struct replay_item *item)
{
	int sent = SMX_OK, rc = item->kept->check(item->kept);

	if (rc == SMX_ECORRUPT) {
		r->damaged++;
		return SMX_OK;
	}
	if (rc == SMX_OK)
		rc = replay_seen_add(&r->seen, &item->kept->row.key);
	if (rc <= 0)
		return rc;
	r->matched++;
	item->outcome = "would";
	if (!r->dry)
		sent = replay_submit(r, item);
	count_outcome(r, item->outcome);
	rc = say_item(r, item);
	if (rc == SMX_OK && sent != SMX_OK)
		rc = command_fail(r->command, sent,
		    "this host's MTA takes nothing", "");
	return rc == SMX_OK && r->matched == r->limit ? 1 : rc;
}

static int
each(void *ctx, struct smx_kept *kept)
{
	struct replay *r = ctx;
	struct replay_item item = { .kept = kept, .outcome = "" };
	int rc = say_progress(r);

	r->looked_at++;
	if (rc == SMX_OK && node_ending(r->command->node))
		rc = SMX_ECLOSED;
	if (rc != SMX_OK || kept->ended_ms < r->select.since_ms ||
	    kept->ended_ms > r->select.until_ms ||
	    !netselect_primary(&r->select, &kept->row, kept->creator))
		return rc;
	rc = look_at(r, &item);
	if (rc == SMX_ECORRUPT) {
		r->damaged++;
		rc = 0;
	} else if (rc == 1 && !r->all &&
		   !netselect_is_ours(kept->row.holders,
		       r->command->node->node_name, is_alive, r)) {
		r->left++;
		rc = 0;
	} else if (rc == 1) {
		rc = go(r, &item);
	}
	smx_envelope_free(&item.envelope);
	free(item.states);
	return rc;
}

/* ---- all of them ---- */

/* As they are now: a replay must not change its mind half way. */
static int
see_peers(struct replay *r)
{
	struct smx_engine *node = r->command->node;
	struct engine *core;

	r->alive = calloc(node->peers + 1, 1);
	if (r->alive == NULL)
		return SMX_ENOMEM;
	core = node_enter(node);
	for (size_t i = 0; i < node->peers; i++) {
		struct engine_peer_info info;

		engine_peer_info(core, i, node_now_ms(), &info);
		r->alive[i] = info.state != ENGINE_PEER_SILENT;
	}
	node_leave(node);
	return SMX_OK;
}

static int
run(struct replay *r)
{
	struct command *c = r->command;
	struct smx_store *store = c->node->ports.store;
	int rc = see_peers(r);

	if (rc == SMX_OK)
		/* All of them, so that a reader who has left is noticed. */
		rc = store->ops->kept(store->ctx, 0, INT64_MAX, each, r);
	if (rc == SMX_ELIMIT)
		command_fail(c, rc, "too many messages; narrow the time", "");
	log_end_of(r, rc > 0 ? SMX_OK : rc);
	/* Also when it was cut off: what went is known. */
	if (rc != SMX_ECLOSED) {
		int said = say_end(r);

		rc = rc >= 0 ? said : rc;
	}
	free(r->alive);
	replay_seen_free(&r->seen);
	return rc;
}

int
command_replay(struct command *c)
{
	struct replay r = { .command = c, .select.until_ms = INT64_MAX };
	struct smx_store_stats stats;
	struct smx_store *store = c->node->ports.store;
	int rc = take_words(&r);

	if (rc != SMX_OK)
		return rc;
	if (!r.dry && c->node->ports.submit == NULL)
		return command_fail(c, SMX_ESTATE,
		    "mta.submit is not set: there is no way to resubmit", "");
	if (store->ops->kept == NULL ||
	    store->ops->stats(store->ctx, &stats) != SMX_OK || !stats.net_on)
		return command_fail(c, SMX_ESTATE,
		    "there is no safety net: safety_net.keep is not set", "");
	if (atomic_exchange(&c->node->replaying, 1) != 0)
		return command_fail(c, SMX_EBUSY, "a replay is under way", "");
	r.said_ms = clock_mono_ms();
	rc = run(&r);
	atomic_store(&c->node->replaying, 0);
	return rc;
}
