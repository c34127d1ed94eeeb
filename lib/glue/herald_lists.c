/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/herald_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

/*
 * The file of a group.  It is read when it has changed and was then the same
 * for two looks: who writes it may not have done so in one stroke.  A list
 * without anybody is none: it is the wrong file, or a half.
 */
#define LOOK_MS  1000
#define AGAIN_MS 60000 /* what could not be read may be readable then */

void
herald_list_free(struct herald_list *list)
{
	rcptset_free(&list->set);
	memset(list->digest, 0, sizeof(list->digest));
}

static void
trouble(struct herald_group *g, const char *domain, const char *why)
{
	char text[sizeof(g->trouble)];
	struct log_line l;

	(void)snprintf(text, sizeof(text), "%s %s", domain, why);
	if (strcmp(text, g->trouble) == 0)
		return;
	memcpy(g->trouble, text, sizeof(text));
	log_begin(&l, SMX_LOG_WARNING, NULL, "list-unread");
	log_str(&l, "file", g->conf->recipients);
	if (domain[0] != '\0')
		log_str(&l, "domain", domain);
	log_str(&l, "why", why);
	log_end(&l);
}

static int
digest_of(const struct rcptset *set, uint8_t digest[SMX_DIGEST_BYTES])
{
	struct listsum sum;
	int rc = SMX_OK;

	listsum_begin(&sum, listsum_none);
	for (size_t i = 0; rc == SMX_OK && i < set->count; i++)
		rc = listsum_count(&sum, set->list[i], 0);
	listsum_end(&sum, digest);
	return rc;
}

/* Everybody hears what is new of it at once. */
static void
take_list(struct herald_group *g, struct herald_domain *d, struct rcptset *set)
{
	uint8_t digest[SMX_DIGEST_BYTES];

	if (set->count == 0) {
		trouble(g, d->name, "there is no address of this domain in it");
		return;
	}
	if (digest_of(set, digest) != SMX_OK ||
	    memcmp(digest, d->now.digest, sizeof(digest)) == 0)
		return;
	herald_list_free(&d->before);
	d->before = d->now;
	d->now.set = *set;
	memcpy(d->now.digest, digest, sizeof(digest));
	rcptset_init(set);
	for (size_t m = 0; m < g->conf->member_count; m++)
		d->ears[m].look_ms = 0;
}

static void
log_read(const struct herald_group *g, const struct listfile *list)
{
	struct log_line l;

	log_begin(&l, list->refused != 0 ? SMX_LOG_WARNING : SMX_LOG_NOTICE,
	    NULL, "list-read");
	log_str(&l, "file", g->conf->recipients);
	log_num(&l, "recipients", (int64_t)list->taken);
	log_num(&l, "other_domains", (int64_t)list->other);
	if (list->refused != 0) {
		log_num(&l, "refused", (int64_t)list->refused);
		log_num(&l, "refused_line", (int64_t)list->refused_line);
	}
	log_end(&l);
}

static void
read_lists(struct herald_group *g)
{
	size_t count = g->conf->domain_count;
	struct listfile list = { .path = g->conf->recipients,
		.domains = g->conf->domains,
		.domain_count = count };
	int rc;

	list.sets = calloc(count + 1, sizeof(*list.sets));
	if (list.sets == NULL) {
		memset(&g->read, 0, sizeof(g->read));
		return;
	}
	for (size_t i = 0; i < count; i++)
		rcptset_init(&list.sets[i]);
	rc = listfile_read(&list);
	if (rc == SMX_OK) {
		g->trouble[0] = '\0';
		log_read(g, &list);
	} else {
		trouble(g, "", list.why);
		memset(&g->read, 0, sizeof(g->read));
		g->look_ms = clock_mono_ms() + AGAIN_MS;
	}
	for (size_t i = 0; i < count; i++) {
		if (rc == SMX_OK)
			take_list(g, &g->domains[i], &list.sets[i]);
		rcptset_free(&list.sets[i]);
	}
	free(list.sets);
}

void
herald_look(struct herald *h, struct herald_group *g)
{
	struct listfile_mark mark;
	int64_t now_ms = clock_mono_ms();

	(void)h;
	if (g->conf->recipients[0] == '\0' || now_ms < g->look_ms)
		return;
	g->look_ms = now_ms + LOOK_MS;
	listfile_mark(g->conf->recipients, &mark);
	if (listfile_same(&mark, &g->read))
		return;
	if (listfile_same(&mark, &g->seen) && mark.inode != 0) {
		g->read = mark;
		read_lists(g);
	} else if (mark.inode == 0) {
		trouble(g, "", "it cannot be seen");
	}
	g->seen = mark;
}
