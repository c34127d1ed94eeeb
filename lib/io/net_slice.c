/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/net_slice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/key.h"
#include "io/fsutil.h"

#define CHUNK 65536
/* Names tried, when a start was taken already. */
#define NAMES 1000

/* ---- writing ---- */

static int
file_head(struct slice_out *out)
{
	const struct netrecord_file file = { .start_ms = out->start_ms };
	uint8_t bytes[NETRECORD_FILE + SMX_DIGEST_BYTES];
	struct netrecord_file whole = file;
	int result;

	memcpy(whole.marker, out->marker, sizeof(whole.marker));
	netrecord_file_put(&whole, bytes);
	result = digest_once(bytes, NETRECORD_FILE, bytes + NETRECORD_FILE);
	if (result == SMX_OK)
		result = fs_write_all(out->fd, bytes,
		    NETRECORD_FILE + NETRECORD_FILE_CHECK);
	out->bytes = NETRECORD_FILE + NETRECORD_FILE_CHECK;
	return result;
}

static int
file_make(struct slice_out *out, int folder, int64_t start_ms)
{
	int result = SMX_EEXIST;

	for (int i = 0; result == SMX_EEXIST && i < NAMES; i++) {
		out->start_ms = start_ms + i;
		snprintf(out->name, sizeof(out->name), "%016" PRId64 ".seg",
		    out->start_ms);
		result = fs_create(folder, out->name, &out->fd);
	}
	return result;
}

int
slice_create(struct slice_out *out, int folder, int64_t start_ms)
{
	int result;

	memset(out, 0, sizeof(*out));
	out->fd = -1;
	buf_init(&out->buf, 0);
	result = key_random(out->marker, sizeof(out->marker));
	if (result == SMX_OK)
		result = digest_new(&out->digest);
	if (result == SMX_OK)
		result = file_make(out, folder, start_ms < 0 ? 0 : start_ms);
	if (result == SMX_OK)
		result = file_head(out);
	crash_point("before the net folder's fsync");
	if (result == SMX_OK)
		result = fs_sync(folder);
	if (result != SMX_OK)
		slice_close(out);
	return result;
}

void
slice_close(struct slice_out *out)
{
	fs_close(&out->fd);
	digest_free(&out->digest);
	buf_free(&out->buf);
}

/* Head to first sum into buf, the sum into the digest that goes on. */
static int
lead_make(struct slice_out *out, const struct slice_item *item,
    uint64_t content_len)
{
	struct netrecord_head head = { .envelope_len = item->envelope_len,
		.content_len = content_len };
	uint8_t bytes[NETRECORD_HEAD + SMX_DIGEST_BYTES];
	uint8_t sum[SMX_DIGEST_BYTES];
	struct buf meta;
	int result;

	buf_init(&meta, NETRECORD_META);
	buf_clear(&out->buf);
	result =
	    netrecord_meta_put(&meta, &item->row, item->origin, item->ended_ms);
	head.meta_len = (uint32_t)meta.len;
	memcpy(head.marker, out->marker, sizeof(head.marker));
	netrecord_head_put(&head, bytes);
	if (result == SMX_OK)
		result =
		    digest_once(bytes, NETRECORD_HEAD, bytes + NETRECORD_HEAD);
	buf_add(&out->buf, bytes, NETRECORD_HEAD + NETRECORD_CHECK);
	buf_add(&out->buf, meta.data, meta.len);
	buf_add(&out->buf, item->envelope, item->envelope_len);
	buf_free(&meta);
	if (result == SMX_OK)
		result = buf_error(&out->buf);
	if (result == SMX_OK)
		result = digest_once(out->buf.data, out->buf.len, sum);
	if (result == SMX_OK)
		result = buf_add(&out->buf, sum, sizeof(sum));
	if (result == SMX_OK)
		digest_add(out->digest, sum, sizeof(sum));
	return result;
}

static int
flush(struct slice_out *out)
{
	int result = buf_error(&out->buf);

	if (result == SMX_OK)
		result = fs_write_all(out->fd, out->buf.data, out->buf.len);
	out->bytes += out->buf.len;
	buf_clear(&out->buf);
	return result;
}

static int
content_add(struct slice_out *out, const struct smx_content *content)
{
	uint64_t at = 0;
	int result = SMX_OK;

	while (result == SMX_OK && at < content->size) {
		uint64_t left = content->size - at;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		char *room;

		result = buf_reserve(&out->buf, n);
		if (result != SMX_OK)
			break;
		room = out->buf.data + out->buf.len;
		result = content->read(content->ctx, at, room, n);
		if (result != SMX_OK)
			break;
		digest_add(out->digest, room, n);
		out->buf.len += n;
		at += n;
		if (out->buf.len >= CHUNK)
			result = flush(out);
	}
	return result;
}

int
slice_add(struct slice_out *out, const struct slice_item *item,
    const struct smx_content *content)
{
	uint8_t sum[SMX_DIGEST_BYTES];
	int result = lead_make(out, item, content->size);

	if (result == SMX_OK)
		result = content_add(out, content);
	if (result == SMX_OK)
		result = digest_end(out->digest, sum);
	if (result == SMX_OK)
		result = buf_add(&out->buf, sum, sizeof(sum));
	crash_point("inside a record of the net");
	if (result == SMX_OK)
		result = flush(out);
	out->messages += result == SMX_OK;
	return result;
}

int
slice_sync(struct slice_out *out)
{
	int result;

	crash_point("before a slice's fsync");
	result = fs_sync(out->fd);
	crash_point("after a slice's fsync");
	return result;
}

/* ---- reading ---- */

static int
read_head(struct slice_in *in)
{
	uint8_t bytes[NETRECORD_FILE + NETRECORD_FILE_CHECK];
	uint8_t sum[SMX_DIGEST_BYTES];
	int result = SMX_ECORRUPT;

	if (in->end >= sizeof(bytes))
		result = fs_read_at(in->fd, 0, bytes, sizeof(bytes));
	if (result == SMX_OK)
		result = digest_once(bytes, NETRECORD_FILE, sum);
	if (result == SMX_OK &&
	    memcmp(sum, bytes + NETRECORD_FILE, NETRECORD_FILE_CHECK) != 0)
		result = SMX_ECORRUPT;
	if (result == SMX_OK)
		result = netrecord_file_get(bytes, &in->file);
	in->at = sizeof(bytes);
	return result;
}

int
slice_open(struct slice_in *in, int folder, const char *name, uint64_t limit)
{
	int result;

	memset(in, 0, sizeof(*in));
	in->fd = -1;
	buf_init(&in->buf, 0);
	result = fs_open_read(folder, name, &in->fd, &in->end);
	if (in->end > limit)
		in->end = limit;
	if (result == SMX_OK)
		result = digest_new(&in->digest);
	if (result == SMX_OK)
		result = read_head(in);
	if (result != SMX_OK)
		slice_end(in);
	return result;
}

void
slice_end(struct slice_in *in)
{
	fs_close(&in->fd);
	digest_free(&in->digest);
	buf_free(&in->buf);
}

static const uint8_t *
find_marker(const uint8_t *from, size_t len, const uint8_t *marker)
{
	for (size_t i = 0; i + NETRECORD_MARKER <= len; i++)
		if (from[i] == marker[0] &&
		    memcmp(from + i, marker, NETRECORD_MARKER) == 0)
			return from + i;
	return NULL;
}

/* Go on at the next marker after a head that is not one. */
static int
resume(struct slice_in *in)
{
	uint8_t *chunk = malloc(CHUNK);
	const uint8_t *found = NULL;
	int result = chunk == NULL ? SMX_ENOMEM : SMX_OK;

	in->damaged++;
	in->at++;
	while (result == SMX_OK && found == NULL &&
	       in->end - in->at >= NETRECORD_MARKER) {
		uint64_t left = in->end - in->at;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		result = fs_read_at(in->fd, in->at, chunk, n);
		if (result != SMX_OK)
			break;
		found = find_marker(chunk, n, in->file.marker);
		in->at += found != NULL ? (uint64_t)(found - chunk)
					: n - NETRECORD_MARKER + 1;
	}
	free(chunk);
	if (result == SMX_OK && found == NULL)
		in->at = in->end;
	return result;
}

/* SMX_ECORRUPT: no head here. */
static int
head_at(struct slice_in *in, struct netrecord_head *head, int *cut)
{
	uint8_t bytes[NETRECORD_HEAD + NETRECORD_CHECK];
	uint8_t sum[SMX_DIGEST_BYTES];
	int result = fs_read_at(in->fd, in->at, bytes, sizeof(bytes));

	if (result == SMX_OK)
		result = digest_once(bytes, NETRECORD_HEAD, sum);
	if (result == SMX_OK &&
	    memcmp(sum, bytes + NETRECORD_HEAD, NETRECORD_CHECK) != 0)
		return SMX_ECORRUPT;
	if (result != SMX_OK)
		return result;
	result =
	    netrecord_head_get(bytes, in->file.marker, in->end - in->at, head);
	/* A sound head that says more than there is: the end was torn off. */
	*cut = result != SMX_OK;
	return result;
}

static int
lead_read(struct slice_in *in, const struct netrecord_head *head,
    struct slice_item *item)
{
	size_t meta = NETRECORD_HEAD + NETRECORD_CHECK;
	size_t len = meta + head->meta_len + (size_t)head->envelope_len;
	uint8_t sum[SMX_DIGEST_BYTES];
	uint8_t *data;
	int result;

	buf_clear(&in->buf);
	result = buf_reserve(&in->buf, len + sizeof(sum));
	if (result != SMX_OK)
		return result;
	data = (uint8_t *)in->buf.data;
	result = fs_read_at(in->fd, in->at, data, len + sizeof(sum));
	if (result == SMX_OK)
		result = digest_once(data, len, sum);
	if (result == SMX_OK && memcmp(sum, data + len, sizeof(sum)) != 0)
		result = SMX_ECORRUPT;
	if (result == SMX_OK)
		result = netrecord_meta_get(data + meta, head->meta_len,
		    &item->row, item->origin, &item->ended_ms);
	if (result != SMX_OK)
		return result;
	memcpy(in->sum, sum, sizeof(sum));
	item->row.size = head->content_len;
	item->envelope = in->buf.data + meta + head->meta_len;
	item->envelope_len = (size_t)head->envelope_len;
	in->content_at = in->at + len + sizeof(sum);
	return SMX_OK;
}

int
slice_next(struct slice_in *in, struct slice_item *item)
{
	while (in->end - in->at >= NETRECORD_HEAD + NETRECORD_CHECK) {
		struct netrecord_head head;
		int cut = 0, result = head_at(in, &head, &cut);

		if (cut) {
			in->torn = 1;
			in->at = in->end;
			return SMX_ENOTFOUND;
		}
		if (result == SMX_ECORRUPT) {
			result = resume(in);
			if (result != SMX_OK)
				return result;
			continue;
		}
		if (result != SMX_OK)
			return result;
		result = lead_read(in, &head, item);
		in->at += netrecord_bytes(&head);
		if (result != SMX_ECORRUPT)
			return result;
		in->damaged++;
	}
	in->torn |= in->end != in->at;
	in->at = in->end;
	return SMX_ENOTFOUND;
}

static int
content_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct slice_in *in = ctx;

	if (offset > in->end - in->content_at ||
	    len > in->end - in->content_at - offset)
		return SMX_EINVAL;
	return fs_read_at(in->fd, in->content_at + offset, buf, len);
}

void
slice_content(struct slice_in *in, const struct slice_item *item,
    struct smx_content *content)
{
	memset(content, 0, sizeof(*content));
	content->ctx = in;
	content->size = item->row.size;
	content->read = content_read;
}

int
slice_check(struct slice_in *in, const struct smx_content *content)
{
#ifdef MUTANT_NO_DIGEST_CHECK
	(void)in;
	(void)content;
	return SMX_OK;
#else
	uint8_t sum[SMX_DIGEST_BYTES], stored[SMX_DIGEST_BYTES];
	char *chunk = malloc(CHUNK);
	int result = chunk == NULL ? SMX_ENOMEM : SMX_OK;

	digest_add(in->digest, in->sum, sizeof(in->sum));
	for (uint64_t at = 0; result == SMX_OK && at < content->size;) {
		uint64_t left = content->size - at;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		result = content_read(in, at, chunk, n);
		if (result == SMX_OK)
			digest_add(in->digest, chunk, n);
		at += n;
	}
	free(chunk);
	if (digest_end(in->digest, sum) != SMX_OK && result == SMX_OK)
		result = SMX_ENOMEM;
	if (result == SMX_OK)
		result =
		    content_read(in, content->size, stored, sizeof(stored));
	if (result == SMX_OK && memcmp(sum, stored, sizeof(sum)) != 0)
		result = SMX_ECORRUPT;
	return result;
#endif
}
