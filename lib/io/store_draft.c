/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_draft.h"

#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"
#include "io/store_rules.h"

static void
draft_row(struct smx_row *row, const struct smx_shadow_head *head)
{
	row->key = head->key;
	text_copy(row->primary, sizeof(row->primary), head->primary);
	text_copy(row->queue_id, sizeof(row->queue_id),
	    head->queue_id != NULL ? head->queue_id : "");
	row->epoch = head->epoch;
	row->state = SMX_ROW_SHADOW;
	row->size = head->size;
	row->recipients = head->recipients;
	row->stored_ms = head->now_ms;
	row->state_ms = head->now_ms;
	text_copy(row->holders, sizeof(row->holders),
	    head->holders != NULL ? head->holders : "");
	row->amended = head->amended != 0;
	row->held = head->held != 0;
}

static int
draft_fill(struct smx_draft *draft, const struct smx_shadow_head *head)
{
	int result;

	draft_row(&draft->row, head);
	buf_init(&draft->body, 0);
	draft->fd = -1;
	if (head->digest != NULL) {
		draft->announced = 1;
		memcpy(draft->announced_digest, head->digest,
		    sizeof(draft->announced_digest));
	}
	draft->envelope = malloc(head->envelope_len + 1);
	if (draft->envelope == NULL)
		return SMX_ENOMEM;
	if (head->envelope_len != 0)
		memcpy(draft->envelope, head->envelope, head->envelope_len);
	draft->envelope[head->envelope_len] = '\0';
	draft->envelope_len = head->envelope_len;
	result = digest_new(&draft->digest);
	if (result != SMX_OK)
		return result;
	return usage_peer(draft->usage, head->primary, &draft->peer);
}

static int
draft_take(struct smx_draft *draft, uint64_t bytes)
{
	int result = usage_take(draft->usage, draft->peer, bytes);

	if (result == SMX_OK)
		draft->taken += bytes;
	return result;
}

int
draft_new(struct smx_draft **out, const struct smx_shadow_head *head,
    struct usage *usage)
{
	struct smx_draft *draft = calloc(1, sizeof(*draft));
	int result;

	if (draft == NULL)
		return SMX_ENOMEM;
	draft->usage = usage;
	result = draft_fill(draft, head);
	/* Refuse now what cannot fit, before it is sent. */
	if (result == SMX_OK)
		result = usage_fits(usage, draft->peer,
		    head->size + head->envelope_len);
	if (result == SMX_OK)
		result = draft_take(draft, head->envelope_len);
	if (result != SMX_OK) {
		draft_free(&draft);
		return result;
	}
	*out = draft;
	return SMX_OK;
}

int
draft_to_file(struct smx_draft *draft, struct bodies *bodies)
{
	int result =
	    body_create(bodies, &draft->row.key, draft->file, &draft->fd);

	if (result == SMX_OK)
		draft->bodies = bodies;
	return result;
}

static int
draft_append(struct smx_draft *draft, const void *data, size_t len)
{
	int result;

	/* More than announced: no need to find room for it. */
	if (len > draft->row.size - draft->received)
		return SMX_ECORRUPT;
	result = draft_take(draft, len);
	if (result != SMX_OK)
		return result;
	draft->received += len;
	digest_add(draft->digest, data, len);
	if (draft->fd >= 0)
		return fs_write_all(draft->fd, data, len);
	return buf_add(&draft->body, data, len);
}

int
draft_write(struct smx_draft *draft, const void *data, size_t len)
{
	if (draft->error == SMX_OK)
		draft->error = draft_append(draft, data, len);
	return draft->error;
}

int
draft_seal(struct smx_draft *draft)
{
	return rules_seal(&draft->row, draft->origin, draft->envelope,
	    draft->envelope_len, draft->seal);
}

int
draft_finish(struct smx_draft *draft)
{
	if (draft->error == SMX_OK && draft->received != draft->row.size)
		draft->error = SMX_ECORRUPT;
	if (draft->error == SMX_OK)
		draft->error = digest_end(draft->digest, draft->row.digest);
	if (draft->error == SMX_OK && draft->announced &&
	    memcmp(draft->row.digest, draft->announced_digest,
		sizeof(draft->row.digest)) != 0)
		draft->error = SMX_ECORRUPT;
	if (draft->error == SMX_OK)
		draft->error = draft_seal(draft);
	return draft->error;
}

void
draft_usage(const struct smx_draft *draft, struct usage_row *row)
{
	row->peer = draft->peer;
	row->state = draft->row.state;
	row->rows = 1;
	row->size = draft->row.size;
	row->cost = draft->row.size + draft->envelope_len;
}

void
draft_settle(struct smx_draft *draft)
{
	draft->taken = 0;
}

void
draft_free(struct smx_draft **draft)
{
	if (*draft == NULL)
		return;
	if ((*draft)->taken != 0)
		usage_give_back((*draft)->usage, (*draft)->peer,
		    (*draft)->taken);
	fs_close(&(*draft)->fd);
	if ((*draft)->bodies != NULL && !(*draft)->kept)
		body_remove((*draft)->bodies, (*draft)->file);
	buf_free(&(*draft)->body);
	digest_free(&(*draft)->digest);
	free((*draft)->envelope);
	free(*draft);
	*draft = NULL;
}
