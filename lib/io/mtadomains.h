/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MTADOMAINS_H
#define IO_MTADOMAINS_H

#include <stddef.h>

#include <shadowmx/check.h>

#include "core/arena.h"
#include "core/mtaconf.h"

/*
 * The domains of mydestination, relay_domains, virtual_alias_domains and
 * virtual_mailbox_domains.  Plain names, files and tables that postmap(1) can
 * list; those that it cannot are remembered, to be asked one by one.
 */
#define MTA_DOMAINS_MAX 1000000
#define MTA_TABLES_MAX  64

struct mta_domains {
	struct arena *arena;
	const char *config_directory;
	const char **list; /* lower case, sorted; ".name": below it only */
	size_t count;
	size_t room;
	const char *tables[MTA_TABLES_MAX]; /* not to be listed */
	const char *whys[MTA_TABLES_MAX];
	size_t table_count;
};

/* SMX_ENOMEM, SMX_ELIMIT */
int mta_domains_collect(struct mta_domains *d, const char *config_directory,
    const struct mta_values *main, struct arena *arena) SMX_MUST_USE;
/* The same of one such list. */
int mta_domains_of(struct mta_domains *d, const char *config_directory,
    const char *list, struct arena *arena) SMX_MUST_USE;
/* Is it one of them, or below one that counts for those below it? */
int mta_domains_have(struct mta_domains *d, const char *domain);
/* Is it itself one of those that could be listed? */
int mta_domains_name(const struct mta_domains *d, const char *domain);
/* Does one of these tables, as in transport_maps, say where its mail goes? */
int mta_domains_routed(struct mta_domains *d, const char *maps,
    const char *domain);
void mta_domains_free(struct mta_domains *d);

#endif
