/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/policy.h"
#include "core/wire.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/earn.h"
#include "glue/message.h"
#include "glue/node_impl.h"
#include "io/spill.h"

/*
 * Messages that have fewer copies than they should have: their holders were
 * lost, nobody was there when they came, or the MTA committed them without our
 * yes.  They are copied from their files, as if they came through the milter,
 * but that nobody waits.  Several threads do this, one message each at a time.
 */
#define OPEN_MS 5000  /* to get at the file, */
#define READ_MS 10000 /* to read it, */
#define HOLD_MS 30000 /* and for the holders, at least */
#define NOTED   256
#define NAMES   512
#define IDLE_MS 60000

/* Which were written down as unprotected already: one that cannot be copied is
 * tried again and again. */
struct noted {
	struct smx_key key[NOTED];
	size_t count;
	size_t next;
};

struct copying {
	struct smx_engine *node;
	struct smx_config *config;
	const struct conf *conf;
	struct engine_copy what;
	char *text; /* of the envelope */
	size_t text_len;
	int fd;
	uint64_t file_size;
	int file_held;
	struct smx_envelope *envelope;
	struct smx_ack ack;
	struct spill *spill;
	struct smx_content content;
	uint8_t digest[SMX_DIGEST_BYTES];
	struct earn_result earned;
	uint64_t former; /* whom it was taken over from: asked for no copy */
};

static void
note(struct smx_engine *node, struct noted *noted,
    const struct engine_copy *what)
{
	if (!what->passed)
		return;
	for (size_t i = 0; i < noted->count; i++)
		if (smx_key_compare(&noted->key[i], &what->key) == 0)
			return;
	noted->key[noted->next] = what->key;
	noted->next = (noted->next + 1) % NOTED;
	if (noted->count < NOTED)
		noted->count++;
	node_passed(node, &what->key, what->id);
}

/* The file does not say why it is on hold. */
static int
mark_hold(struct copying *c)
{
	struct backup *backup = node_backup(c->node);
	int64_t until_ms = 0;
	char *text;
	size_t len;
	int rc;

	if (backup != NULL)
		until_ms = books_hold_until(backup_books(backup), c->what.id);
	if (until_ms == 0)
		return SMX_OK;
	rc = backup_mark(c->envelope, until_ms);
	if (rc == SMX_OK)
		rc = smx_envelope_encode(c->envelope, &text, &len);
	if (rc != SMX_OK)
		return rc;
	free(c->text);
	c->text = text;
	c->text_len = len;
	return SMX_OK;
}

static int
open_file(struct copying *c)
{
	struct smx_queue *queue = c->node->ports.queue;
	int rc = queue->ops->open(queue->ctx, c->what.id, &c->text,
	    &c->text_len, &c->fd, &c->file_size, &c->file_held,
	    clock_mono_ms() + OPEN_MS);

	if (rc != SMX_OK) {
		c->text = NULL;
		c->fd = -1;
		return rc;
	}
	rc = smx_envelope_decode(c->text, c->text_len, WIRE_RECIPIENTS_MAX,
	    &c->envelope);
	if (rc == SMX_OK && smx_envelope_recipients(c->envelope) == 0)
		rc = SMX_ENOTFOUND; /* it has just ended */
	return rc == SMX_OK ? mark_hold(c) : rc;
}

static int
is_authenticated(const struct smx_envelope *envelope)
{
	return smx_envelope_get(envelope, SMX_FIELD_AUTH_TYPE)[0] != '\0' ||
	       smx_envelope_get(envelope, SMX_FIELD_AUTH_NAME)[0] != '\0';
}

/* There is nobody left to be refused: the policy says how many copies and
 * where. */
static void
judge(struct copying *c)
{
	struct smx_client client = {
		.address = smx_envelope_get(c->envelope, SMX_FIELD_CLIENT_ADDR),
		.authenticated = is_authenticated(c->envelope),
	};
	struct smx_ack ack;

	smx_policy_locate(c->config, &client);
	for (size_t i = 0; i < smx_envelope_recipients(c->envelope); i++) {
		if (smx_policy_recipient(c->config, &client,
			smx_envelope_recipient(c->envelope, i), c->content.size,
			&ack) != SMX_OK)
			ack = c->conf->defaults;
		(void)smx_policy_combine(&c->ack, &ack, 0);
	}
	c->ack.when_unprotected = SMX_UNPROTECTED_ACCEPT;
	c->ack.holders &= ~c->former;
	if (c->ack.max_delay_ms < HOLD_MS)
		c->ack.max_delay_ms = HOLD_MS;
}

static int
take_content(struct copying *c)
{
	int rc = message_spill(c->conf, &c->spill);

	if (rc == SMX_OK)
		rc = spill_take(c->spill, c->fd, c->file_size,
		    clock_mono_ms() + READ_MS);
	if (rc == SMX_OK)
		rc = spill_end(c->spill, c->digest);
	if (rc == SMX_OK)
		spill_content(c->spill, &c->content);
	return rc;
}

static int
on_waiting(void *ctx, int64_t waited_ms)
{
	(void)waited_ms;
	return node_ending(ctx);
}

static size_t
gained(const struct copying *c)
{
	return c->earned.ranks.count > c->earned.there
		   ? c->earned.ranks.count - c->earned.there
		   : 0;
}

static int
ask_holders(struct copying *c)
{
	struct earn_request request = { .engine = c->node,
		.ack = &c->ack,
		.known = &c->what.key,
		.ask = 1,
		.waiting = on_waiting,
		.waiting_ctx = c->node };
	struct smx_shadow *shadow = &request.shadow;
	int rc;

	shadow->queue_id = c->what.id;
	node_epoch(c->node, &shadow->epoch);
	shadow->envelope = c->text;
	shadow->envelope_len = c->text_len;
	shadow->recipients = smx_envelope_recipients(c->envelope);
	/* An AMEND tells when that changes. */
	shadow->amended = 1;
	shadow->held = c->what.held < 0 ? c->file_held : c->what.held;
	shadow->content = &c->content;
	memcpy(shadow->digest, c->digest, sizeof(shadow->digest));
	request.envelope_sum = amend_sum(c->text, c->text_len);
	rc = earn(&request, &c->earned);
	if (rc != SMX_OK || gained(c) != 0)
		return rc;
	c->earned.ranks.count = 0;
	if (c->earned.enough)
		return SMX_OK;
	return c->earned.last_error != SMX_OK ? c->earned.last_error
					      : SMX_EUNREACHABLE;
}

/* A file that is gone has been delivered, most of the time: core looks. */
static enum smx_level
level_of(const struct copying *c, int rc)
{
	if (rc == SMX_ENOTFOUND || (rc == SMX_OK && gained(c) == 0))
		return SMX_LOG_INFO;
	if (rc != SMX_OK || c->earned.ranks.count < c->earned.wanted)
		return SMX_LOG_WARNING;
	return SMX_LOG_NOTICE;
}

static void
log_copies(const struct copying *c, struct log_line *l)
{
	size_t copies = c->earned.ranks.count;
	char names[NAMES];

	earn_names(c->node, &c->earned.ranks, names, sizeof(names));
	log_str(l, "peer", names);
	log_num(l, "copies", (int64_t)copies);
	if (copies < c->earned.wanted)
		log_num(l, "short", (int64_t)(c->earned.wanted - copies));
	log_num(l, "rcpts", (int64_t)smx_envelope_recipients(c->envelope));
	log_num(l, "size", (int64_t)c->content.size);
	log_str(l, "policy", c->ack.policy);
}

static void
log_copy(const struct copying *c, int rc)
{
	const char *event = rc == SMX_OK ? "copied" : "not-copied";
	struct log_line l;

	if (rc == SMX_OK && c->earned.wanted == 0)
		event = "unasked";
	else if (rc == SMX_OK && gained(c) == 0)
		event = "enough";
	log_begin(&l, level_of(c, rc), c->what.id, event);
	log_key(&l, "key", &c->what.key);
	/* Before that there is nothing to tell of it. */
	if (c->ack.policy != NULL)
		log_copies(c, &l);
	log_err(&l, "result", rc);
	log_end(&l);
}

static void
copy_end(struct copying *c)
{
	if (c->fd >= 0)
		close(c->fd);
	spill_free(&c->spill);
	smx_envelope_free(&c->envelope);
	free(c->text);
	smx_config_release(&c->config);
}

static int
wants_copies(const struct copying *c)
{
	return (c->ack.when & SMX_WHEN_SHADOWED) != 0;
}

static void
copy(struct smx_engine *node, const struct engine_copy *what)
{
	struct copying c = { .node = node, .what = *what, .fd = -1 };
	struct engine *core;
	int safe = node_owner_is_safe(node, what->id, &c.former);
	int rc = SMX_OK;

	c.config = node_config(node);
	c.conf = config_conf(c.config);
	if (!safe) {
		rc = open_file(&c);
		if (rc == SMX_OK)
			rc = take_content(&c);
		if (rc == SMX_OK)
			judge(&c);
		if (rc == SMX_OK && wants_copies(&c))
			rc = ask_holders(&c);
	}
	c.earned.ranks.wanted = c.earned.wanted;
	core = node_enter(node);
	engine_copies_most(core, policy_copies(c.config));
	engine_copy_result(core, &what->key, rc, &c.earned.ranks,
	    node_now_ms());
	node_leave(node);
	log_copy(&c, rc);
	copy_end(&c);
}

void *
node_copier_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct noted *noted = calloc(1, sizeof(*noted));
	struct engine_copy what;
	int64_t wake;

	if (noted == NULL)
		log_event(SMX_LOG_ERR, "no-memory", "where=copy");
	pthread_mutex_lock(&node->lock);
	while (noted != NULL && !node->ending) {
		wake = node_now_ms() + IDLE_MS;
		if (engine_copy_next(node->core, node_now_ms(), &what, &wake) !=
		    SMX_OK) {
			node_wait_locked(node, wake);
			continue;
		}
		pthread_mutex_unlock(&node->lock);
		note(node, noted, &what);
		copy(node, &what);
		pthread_mutex_lock(&node->lock);
	}
	pthread_mutex_unlock(&node->lock);
	free(noted);
	return NULL;
}
