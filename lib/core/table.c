/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/table.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy_map.h"
#include "core/table_key.h"

#define TEXT_GROW 65536

/* Open addressing; the whole hash stands beside the place of the text, so that
 * a look-up seldom leaves the slots but for what it finds. */
struct slot {
	uint32_t hash;
	uint32_t at; /* in text, plus one; 0: free */
};

struct table {
	atomic_uint references;
	char *text; /* keys, each closed by NUL */
	size_t text_len;
	size_t text_size;
	struct slot *slots;
	uint32_t slot_count;
	uint32_t count; /* of lines with a key, then of different keys */
	unsigned forms; /* bits of enum table_form */
	char *part;     /* a line that is not complete yet */
	size_t part_len;
	size_t line; /* complete ones so far */
};

static const char accepted[] = "as the first word user@domain, user@, @domain, "
			       "domain or .domain; or a comment with '#'";

int
table_new(struct table **out)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return SMX_ENOMEM;
	atomic_init(&t->references, 1);
	*out = t;
	return SMX_OK;
}

void
table_hold(struct table *table)
{
	atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
}

void
table_release(struct table **table)
{
	struct table *t = *table;

	*table = NULL;
	if (t == NULL || atomic_fetch_sub_explicit(&t->references, 1,
			     memory_order_acq_rel) != 1)
		return;
	free(t->text);
	free(t->slots);
	free(t->part);
	free(t);
}

/* ---- reading ---- */

static int
fail(const struct table *t, struct table_fault *fault, const char *message,
    const char *line, size_t len)
{
	fault->line = t->line;
	fault->message = message;
	fault->accepted = accepted;
	if (len > sizeof(fault->text) - 1)
		len = sizeof(fault->text) - 1;
	/* A problem's value ends with the first NUL. */
	for (size_t i = 0; i < len; i++)
		fault->text[i] = line[i] != '\0' ? line[i] : '?';
	fault->text[len] = '\0';
	return SMX_ECONFIG;
}

static int
key_add(struct table *t, const struct table_key *key)
{
	size_t need = t->text_len + key->len + 1;
	char *more;

	if (t->count == TABLE_KEYS_MAX || need >= TABLE_TEXT_MAX)
		return SMX_ELIMIT;
	if (need > t->text_size) {
		size_t size = t->text_size + t->text_size / 2 + TEXT_GROW;

		more = realloc(t->text, size);
		if (more == NULL)
			return SMX_ENOMEM;
		t->text = more;
		t->text_size = size;
	}
	memcpy(t->text + t->text_len, key->text, key->len);
	t->text[need - 1] = '\0';
	t->text_len = need;
	t->forms |= 1u << key->form;
	t->count++;
	return SMX_OK;
}

static int
line_take(struct table *t, const char *line, size_t len,
    struct table_fault *fault)
{
	const char *begin = line;
	struct table_key key;
	const char *wrong;

	t->line++;
	/* Editors elsewhere mark UTF-8 with these. */
	if (t->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		begin += 3;
		len -= 3;
	}
	wrong = table_key_read(&key, begin, len);
	if (wrong != NULL)
		return fail(t, fault, wrong, begin, len);
	return key.len != 0 ? key_add(t, &key) : SMX_OK;
}

static int
part_add(struct table *t, const char *data, size_t len,
    struct table_fault *fault)
{
	if (t->part == NULL)
		t->part = malloc(TABLE_LINE_MAX);
	if (t->part == NULL)
		return SMX_ENOMEM;
	if (len > TABLE_LINE_MAX - t->part_len) {
		t->line++;
		return fail(t, fault, "the line is longer than 64 KiB",
		    t->part_len != 0 ? t->part : data,
		    t->part_len != 0 ? t->part_len : len);
	}
	memcpy(t->part + t->part_len, data, len);
	t->part_len += len;
	return SMX_OK;
}

/* A line that came in several pieces. */
static int
part_take(struct table *t, struct table_fault *fault)
{
	size_t len = t->part_len;

	t->part_len = 0;
	return line_take(t, t->part, len, fault);
}

int
table_read(struct table *table, const char *data, size_t len,
    struct table_fault *fault)
{
	int result = SMX_OK;

	while (result == SMX_OK && len != 0) {
		const char *nl = memchr(data, '\n', len);
		size_t n = nl != NULL ? (size_t)(nl - data) : len;

		if (nl == NULL || table->part_len != 0 || n > TABLE_LINE_MAX)
			result = part_add(table, data, n, fault);
		if (result != SMX_OK || nl == NULL)
			return result;
		result = table->part_len != 0
			     ? part_take(table, fault)
			     : line_take(table, data, n, fault);
		data = nl + 1;
		len -= n + 1;
	}
	return result;
}

/* ---- the slots ---- */

/* FNV's high bits depend too little on the last bytes. */
static uint32_t
mixed(uint32_t hash)
{
	hash ^= hash >> 16;
	hash *= 0x85ebca6bu;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35u;
	return hash ^ hash >> 16;
}

static int
key_is(const struct table *t, uint32_t at, const char *key, size_t len)
{
	const char *text = t->text + at;

	return strncmp(text, key, len) == 0 && text[len] == '\0';
}

static struct slot *
slot_find(const struct table *t, uint32_t hash, const char *key, size_t len)
{
	uint32_t i = (uint32_t)((uint64_t)hash * t->slot_count >> 32);

	for (;;) {
		struct slot *s = &t->slots[i];

		if (s->at == 0 ||
		    (s->hash == hash && key_is(t, s->at - 1, key, len)))
			return s;
		if (++i == t->slot_count)
			i = 0;
	}
}

static void
slots_fill(struct table *t)
{
	size_t len;

	t->count = 0;
	for (size_t at = 0; at < t->text_len; at += len + 1) {
		const char *key = t->text + at;
		uint32_t hash = POLICY_HASH_BEGIN;
		struct slot *s;

		len = strlen(key);
		for (size_t i = len; i > 0; i--)
			hash = policy_hash_step(hash, key[i - 1]);
		hash = mixed(hash);
		s = slot_find(t, hash, key, len);
		if (s->at != 0)
			continue;
		s->hash = hash;
		s->at = (uint32_t)at + 1;
		t->count++;
	}
}

int
table_end(struct table *table, struct table_fault *fault)
{
	char *exact;
	int result = SMX_OK;

	/* The last line need not be closed. */
	if (table->part_len != 0)
		result = part_take(table, fault);
	if (result != SMX_OK)
		return result;
	free(table->part);
	table->part = NULL;
	table->slot_count = table->count + table->count / 2 + 1;
	table->slots = calloc(table->slot_count, sizeof(*table->slots));
	if (table->slots == NULL)
		return SMX_ENOMEM;
	exact = realloc(table->text, table->text_len + 1);
	if (exact != NULL) {
		table->text = exact;
		table->text_size = table->text_len + 1;
	}
	slots_fill(table);
	return SMX_OK;
}

/* ---- asking ---- */

size_t
table_count(const struct table *table)
{
	return table->count;
}

void
table_each(const struct table *table, table_fn each, void *ctx)
{
	size_t at = 0;

	while (at < table->text_len && each(ctx, table->text + at) == 0)
		at += strlen(table->text + at) + 1;
}

size_t
table_bytes(const struct table *table)
{
	return sizeof(*table) + table->text_size +
	       table->slot_count * sizeof(*table->slots);
}

int
table_has(const struct table *table, enum table_form form)
{
	return (table->forms & 1u << form) != 0;
}

int
table_find(const struct table *table, uint32_t hash, const char *key,
    size_t len)
{
	return slot_find(table, mixed(hash), key, len)->at != 0;
}
