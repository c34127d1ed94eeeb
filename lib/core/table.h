/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * The recipients of one file.  Built once, then read by many threads; counted.
 *
 * Keys, one a line, as the first word of it:
 *
 *	user@domain   that address
 *	user@         that user in any domain
 *	@domain       everybody in exactly that domain
 *	domain        everybody in that domain and in those below it
 *	.domain       everybody below that domain
 *
 * Each key costs its text, one byte and twelve bytes of slots.  Hashes are
 * those of policy_map.h.
 */
#define TABLE_LINE_MAX 65536 /* of a line; a key has ADDR_MAX */
#define TABLE_KEYS_MAX 100000000
#define TABLE_TEXT_MAX UINT32_MAX

struct table;

/* What is wrong with a line. */
struct table_fault {
	size_t line;
	const char *message;
	const char *accepted;
	char text[128]; /* its beginning */
};

int table_new(struct table **out) SMX_MUST_USE;
/* Any number of bytes of the file.  SMX_ECONFIG with *fault; SMX_ENOMEM,
 * SMX_ELIMIT.  After an error only release it. */
int table_read(struct table *table, const char *data, size_t len,
    struct table_fault *fault) SMX_MUST_USE;
/* The end of the file: now it can be asked. */
int table_end(struct table *table, struct table_fault *fault) SMX_MUST_USE;
void table_hold(struct table *table);
/* Accepts NULL inside. */
void table_release(struct table **table);

size_t table_count(const struct table *table); /* different keys */
size_t table_bytes(const struct table *table); /* of memory */

/* Which forms of key there are at all. */
enum table_form {
	TABLE_ADDRESS, /* user@domain */
	TABLE_USER,    /* user@ */
	TABLE_AT,      /* @domain */
	TABLE_DOMAIN,  /* domain */
	TABLE_BELOW,   /* .domain */
	TABLE_FORMS
};
int table_has(const struct table *table, enum table_form form);
/* Each key in the order of the file, some twice; non-zero from each stops. */
typedef int (*table_fn)(void *ctx, const char *key);
void table_each(const struct table *table, table_fn each, void *ctx);
int table_find(const struct table *table, uint32_t hash, const char *key,
    size_t len);

#endif
