/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hopbody.h"

#include <string.h>

#define PIECE 16384

void
hopbody_init(struct hopbody *body, const struct smx_content *content,
    const char *received)
{
	memset(body, 0, sizeof(*body));
	body->content = content;
	body->received = received == NULL ? "" : received;
	hopbody_begin(body, 0);
}

void
hopbody_begin(struct hopbody *body, int chunk)
{
	if (chunk)
		smtpdata_begin_chunk(&body->data);
	else
		smtpdata_begin(&body->data);
	body->at = 0;
	body->begun = 0;
	body->ended = 0;
}

static int
content_next(struct hopbody *body, struct buf *out)
{
	const struct smx_content *c = body->content;
	uint64_t left = c->size - body->at;
	size_t n = left < PIECE ? (size_t)left : PIECE;
	char piece[PIECE];
	const char *from = piece;

	if (c->bytes != NULL) {
		from = (const char *)c->bytes + body->at;
	} else {
		int rc = c->read(c->ctx, body->at, piece, n);

		if (rc != SMX_OK)
			return rc;
	}
	body->at += n;
	return smtpdata_add(&body->data, from, n, out);
}

/* The end goes with the last piece: when all that was announced has left, there
 * is nothing more to come. */
int
hopbody_next(struct hopbody *body, struct buf *out)
{
	int rc;

	if (!body->begun) {
		body->begun = 1;
		rc = smtpdata_add(&body->data, body->received,
		    strlen(body->received), out);
	} else {
		rc = content_next(body, out);
	}
	if (rc != SMX_OK || body->at < body->content->size)
		return rc;
	body->ended = 1;
	return smtpdata_end(&body->data, out);
}

int
hopbody_measure(struct hopbody *body)
{
	hopbody_begin(body, 1);
	while (!body->ended) {
		int rc = hopbody_next(body, NULL);

		if (rc != SMX_OK)
			return rc;
	}
	body->size = body->data.bytes;
	body->eight = body->data.eight != 0;
	hopbody_begin(body, 0);
	return SMX_OK;
}
