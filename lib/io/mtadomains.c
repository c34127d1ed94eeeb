/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtadomains.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/mtaask.h"

#define LISTING_MAX (64u << 20)
#define FILE_MAX    (16u << 20)
#define NAME_BYTES  256
#define DEPTH_MAX   4 /* files that name files */

static int
add_domain(struct mta_domains *d, const char *name, size_t len)
{
	char *copy;

	if (len == 0 || len >= NAME_BYTES)
		return SMX_OK;
	if (d->count == MTA_DOMAINS_MAX)
		return SMX_ELIMIT;
	if (d->count == d->room) {
		size_t room = d->room == 0 ? 64 : 2 * d->room;
		const char **list = realloc(d->list, room * sizeof(*list));

		if (list == NULL)
			return SMX_ENOMEM;
		d->list = list;
		d->room = room;
	}
	copy = arena_copy(d->arena, name, len);
	if (copy == NULL)
		return SMX_ENOMEM;
	for (char *c = copy; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	d->list[d->count++] = copy;
	return SMX_OK;
}

/* A key of a table: addresses stand beside domains in alias tables. */
static int
is_domain(const char *key, size_t len)
{
	return memchr(key, '@', len) == NULL && memchr(key, '.', len) != NULL;
}

static int
add_keys(struct mta_domains *d, const char *text)
{
	int rc = SMX_OK;

	while (*text != '\0' && rc == SMX_OK) {
		size_t line = strcspn(text, "\n"), key = strcspn(text, "\t\n");

		if (is_domain(text, key))
			rc = add_domain(d, text, key);
		text += line + (text[line] == '\n');
	}
	return rc;
}

static int
add_table(struct mta_domains *d, const char *table)
{
	const char *const argv[] = { "-c", d->config_directory, "-s", table,
		NULL };
	struct buf listing;
	char why[512] = "";
	int rc;

	if (strncmp(table, "proxy:", 6) == 0)
		return add_table(d, table + 6);
	buf_init(&listing, LISTING_MAX);
	rc = mta_ask("postmap", argv, &listing, why, sizeof(why));
	if (rc == SMX_OK) {
		rc = add_keys(d, listing.data);
	} else {
		rc = SMX_OK;
		if (d->table_count < MTA_TABLES_MAX) {
			d->tables[d->table_count] = arena_str(d->arena, table);
			d->whys[d->table_count++] = arena_str(d->arena, why);
		}
	}
	buf_free(&listing);
	return rc;
}

static int add_list(struct mta_domains *d, const char *list, int depth);

/* A file with such a list in it; lines that begin with # are remarks. */
static int
add_file(struct mta_domains *d, const char *path, int depth)
{
	char *text = malloc(FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = -1;
	size_t len = 0;
	int rc = SMX_OK;

	while (text != NULL && fd >= 0 && len < FILE_MAX &&
	       (n = read(fd, text + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (text != NULL && n == 0) {
		char *at = text;

		text[len] = '\0';
		while (rc == SMX_OK && *at != '\0') {
			size_t line = strcspn(at, "\n");
			int more = at[line] == '\n';

			at[line] = '\0';
			if (*at != '#')
				rc = add_list(d, at, depth + 1);
			at += line + (size_t)more;
		}
	} else if (d->table_count < MTA_TABLES_MAX) {
		d->tables[d->table_count] = path;
		d->whys[d->table_count++] = "cannot be read";
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

static int
add_list(struct mta_domains *d, const char *list, int depth)
{
	const char *word;
	size_t len;
	int rc = SMX_OK;

	while (rc == SMX_OK && mta_table_next(&list, &word, &len)) {
		const char *text = arena_copy(d->arena, word, len);

		if (text == NULL)
			return SMX_ENOMEM;
		if (text[0] == '!')
			continue; /* not these */
		if (text[0] == '/' && depth < DEPTH_MAX)
			rc = add_file(d, text, depth);
		else if (strchr(text, ':') != NULL)
			rc = add_table(d, text);
		else
			rc = add_domain(d, text, len);
	}
	return rc;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
sort_domains(struct mta_domains *d)
{
	size_t kept = 0;

	if (d->count == 0)
		return;
	qsort(d->list, d->count, sizeof(*d->list), by_text);
	for (size_t i = 0; i < d->count; i++)
		if (kept == 0 || strcmp(d->list[kept - 1], d->list[i]) != 0)
			d->list[kept++] = d->list[i];
	d->count = kept;
}

int
mta_domains_of(struct mta_domains *d, const char *config_directory,
    const char *list, struct arena *arena)
{
	int rc;

	memset(d, 0, sizeof(*d));
	d->arena = arena;
	d->config_directory = config_directory;
	rc = add_list(d, list, 0);
	sort_domains(d);
	return rc;
}

int
mta_domains_collect(struct mta_domains *d, const char *config_directory,
    const struct mta_values *main, struct arena *arena)
{
	static const char *const settings[] = { "relay_domains",
		"virtual_alias_domains", "virtual_mailbox_domains" };
	int rc = mta_domains_of(d, config_directory,
	    mta_text(main, "mydestination"), arena);

	for (size_t i = 0; rc == SMX_OK && i < 3; i++)
		rc = add_list(d, mta_text(main, settings[i]), 0);
	sort_domains(d);
	return rc;
}

void
mta_domains_free(struct mta_domains *d)
{
	free(d->list);
	d->list = NULL;
	d->count = d->room = 0;
}

static int
is_listed(const struct mta_domains *d, const char *name)
{
	return d->count > 0 && bsearch(&name, d->list, d->count,
				   sizeof(*d->list), by_text) != NULL;
}

int
mta_domains_name(const struct mta_domains *d, const char *domain)
{
	return is_listed(d, domain);
}

static int
is_in_table(struct mta_domains *d, const char *table, const char *name)
{
	const char *const argv[] = { "-c", d->config_directory, "-q", name,
		table, NULL };
	struct buf answer;
	char why[128];
	int rc;

	if (strchr(table, ':') == NULL)
		return 0;
	buf_init(&answer, 65536);
	rc = mta_ask("postmap", argv, &answer, why, sizeof(why));
	buf_free(&answer);
	return rc == SMX_OK;
}

int
mta_domains_have(struct mta_domains *d, const char *domain)
{
	char name[NAME_BYTES + 1];
	size_t len = strlen(domain);

	if (len == 0 || len >= NAME_BYTES || domain[0] == '-')
		return 0;
	for (size_t i = 0; i <= len; i++)
		name[i] = domain[i] >= 'A' && domain[i] <= 'Z'
			      ? (char)(domain[i] + 'a' - 'A')
			      : domain[i];
	if (is_listed(d, name))
		return 1;
	/* ".example.com" stands for what is below it, and in relay_domains
	 * "example.com" does as well. */
	for (const char *dot = strchr(name, '.'); dot != NULL;
	     dot = strchr(dot + 1, '.'))
		if (is_listed(d, dot) || is_listed(d, dot + 1))
			return 1;
	for (size_t i = 0; i < d->table_count; i++)
		if (is_in_table(d, d->tables[i], name))
			return 1;
	return 0;
}

int
mta_domains_routed(struct mta_domains *d, const char *maps, const char *domain)
{
	const char *word;
	size_t len;

	if (domain[0] == '-' || strlen(domain) >= NAME_BYTES)
		return 0;
	while (mta_table_next(&maps, &word, &len)) {
		const char *table = arena_copy(d->arena, word, len);

		if (table != NULL && is_in_table(d, table, domain))
			return 1;
	}
	return 0;
}
