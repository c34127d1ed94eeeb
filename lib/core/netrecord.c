/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/netrecord.h"

#include <string.h>

static const char file_magic[16] = "shadowmx net 1\n";
static const char head_magic[4] = { 'S', 'M', 'X', 'N' };

#define FLAG_HELD    1u
#define FLAG_AMENDED 2u
#define FLAG_YIELDED 4u

#define SUMS (2 * SMX_DIGEST_BYTES)

static void
number_put(uint8_t *out, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
}

static uint64_t
number_get(const uint8_t *in, size_t bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | in[i];
	return number;
}

void
netrecord_head_put(const struct netrecord_head *head,
    uint8_t out[NETRECORD_HEAD])
{
	memcpy(out, head->marker, NETRECORD_MARKER);
	memcpy(out + 16, head_magic, sizeof(head_magic));
	number_put(out + 20, head->meta_len, 4);
	number_put(out + 24, head->envelope_len, 8);
	number_put(out + 32, head->content_len, 8);
}

uint64_t
netrecord_bytes(const struct netrecord_head *head)
{
	return NETRECORD_HEAD + NETRECORD_CHECK + SUMS + head->meta_len +
	       head->envelope_len + head->content_len;
}

int
netrecord_head_get(const uint8_t in[NETRECORD_HEAD],
    const uint8_t marker[NETRECORD_MARKER], uint64_t left,
    struct netrecord_head *head)
{
	if (memcmp(in, marker, NETRECORD_MARKER) != 0 ||
	    memcmp(in + 16, head_magic, sizeof(head_magic)) != 0)
		return SMX_ECORRUPT;
	memcpy(head->marker, in, NETRECORD_MARKER);
	head->meta_len = (uint32_t)number_get(in + 20, 4);
	head->envelope_len = number_get(in + 24, 8);
	head->content_len = number_get(in + 32, 8);
	/* One after the other, so that no sum runs over. */
	if (head->meta_len > NETRECORD_META || head->envelope_len > left ||
	    head->content_len > left || netrecord_bytes(head) > left)
		return SMX_ECORRUPT;
	return SMX_OK;
}

void
netrecord_file_put(const struct netrecord_file *file,
    uint8_t out[NETRECORD_FILE])
{
	memcpy(out, file_magic, sizeof(file_magic));
	memcpy(out + 16, file->marker, NETRECORD_MARKER);
	number_put(out + 32, (uint64_t)file->start_ms, 8);
}

int
netrecord_file_get(const uint8_t in[NETRECORD_FILE],
    struct netrecord_file *file)
{
	if (memcmp(in, file_magic, sizeof(file_magic)) != 0)
		return SMX_ECORRUPT;
	memcpy(file->marker, in + 16, NETRECORD_MARKER);
	file->start_ms = (int64_t)number_get(in + 32, 8);
	return SMX_OK;
}

/* ---- the row ---- */

static void
put_number(struct buf *out, uint64_t number)
{
	uint8_t octets[8];

	number_put(octets, number, sizeof(octets));
	buf_add(out, octets, sizeof(octets));
}

static void
put_text(struct buf *out, const char *text)
{
	uint8_t len[2];

	number_put(len, strlen(text), sizeof(len));
	buf_add(out, len, sizeof(len));
	buf_str(out, text);
}

int
netrecord_meta_put(struct buf *out, const struct smx_row *row,
    const char *origin, int64_t ended_ms)
{
	uint8_t flags = (uint8_t)((row->held ? FLAG_HELD : 0) |
				  (row->amended ? FLAG_AMENDED : 0) |
				  (row->yielded ? FLAG_YIELDED : 0));

	buf_add(out, row->key.incarnation, sizeof(row->key.incarnation));
	put_number(out, row->key.counter);
	put_number(out, (uint64_t)ended_ms);
	put_number(out, (uint64_t)row->stored_ms);
	put_number(out, row->recipients);
	buf_add(out, row->epoch.id, sizeof(row->epoch.id));
	put_number(out, row->epoch.counter);
	buf_add(out, row->digest, sizeof(row->digest));
	buf_add(out, &flags, 1);
	put_text(out, row->primary);
	put_text(out, row->queue_id);
	put_text(out, row->holders);
	put_text(out, origin);
	return buf_error(out);
}

struct in {
	const uint8_t *at;
	size_t left;
	int bad;
};

static void
get_bytes(struct in *in, void *out, size_t len)
{
	memset(out, 0, len);
	in->bad |= in->left < len;
	if (in->bad)
		return;
	memcpy(out, in->at, len);
	in->at += len;
	in->left -= len;
}

static uint64_t
get_number(struct in *in, size_t bytes)
{
	uint8_t octets[8];

	get_bytes(in, octets, bytes);
	return number_get(octets, bytes);
}

static void
get_text(struct in *in, char *out, size_t size)
{
	size_t len = (size_t)get_number(in, 2);

	in->bad |= len >= size;
	if (in->bad)
		len = 0;
	get_bytes(in, out, len);
	out[in->bad ? 0 : len] = '\0';
	in->bad |= strlen(out) != len;
}

int
netrecord_meta_get(const uint8_t *data, size_t len, struct smx_row *row,
    char origin[SMX_NAME_MAX + 1], int64_t *ended_ms)
{
	struct in in = { data, len, 0 };
	uint64_t flags;

	memset(row, 0, sizeof(*row));
	get_bytes(&in, row->key.incarnation, sizeof(row->key.incarnation));
	row->key.counter = get_number(&in, 8);
	*ended_ms = (int64_t)get_number(&in, 8);
	row->stored_ms = (int64_t)get_number(&in, 8);
	row->recipients = (size_t)get_number(&in, 8);
	get_bytes(&in, row->epoch.id, sizeof(row->epoch.id));
	row->epoch.counter = get_number(&in, 8);
	get_bytes(&in, row->digest, sizeof(row->digest));
	flags = get_number(&in, 1);
	get_text(&in, row->primary, sizeof(row->primary));
	get_text(&in, row->queue_id, sizeof(row->queue_id));
	get_text(&in, row->holders, sizeof(row->holders));
	get_text(&in, origin, SMX_NAME_MAX + 1);
	if (in.bad || in.left != 0)
		return SMX_ECORRUPT;
	row->state = SMX_ROW_SHADOW;
	row->held = (flags & FLAG_HELD) != 0;
	row->amended = (flags & FLAG_AMENDED) != 0;
	row->yielded = (flags & FLAG_YIELDED) != 0;
	return SMX_OK;
}
