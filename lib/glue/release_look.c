/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/policy.h"
#include "glue/node_impl.h"
#include "glue/release_run.h"

#define AT_A_TIME 50 /* others read the database, too */

void
release_forget(struct releaser *r)
{
	while (r->count != 0)
		free(r->domains[--r->count].name);
	smx_config_release(&r->config);
}

struct wanted {
	const char *domain;
	const struct smx_backup *backup;
};

static int
is_it(void *ctx, const char *domain, const struct smx_backup *backup)
{
	struct wanted *w = ctx;

	if (strcmp(domain, w->domain) == 0)
		w->backup = backup;
	return w->backup != NULL;
}

/* What the policy of one of its recipients says; where that is about some
 * clients only, what the first policy says that names the domain. */
static const struct smx_backup *
backup_of(const struct releaser *r, const struct backup_moves_domain *d)
{
	static const struct smx_client client = { .address = "" };
	struct wanted wanted = { .domain = d->name };
	struct smx_ack ack;

	if (smx_policy_recipient(r->config, &client, d->address,
		SMX_SIZE_UNKNOWN, &ack) == SMX_OK &&
	    ack.backup != NULL)
		return ack.backup;
	policy_backup_each(r->config, is_it, &wanted);
	return wanted.backup;
}

static int
add(struct releaser *r, const struct backup_moves_domain *d)
{
	struct release_domain *list = r->domains;
	size_t room = r->room == 0 ? 64 : r->room * 2;

	if (r->count == r->room) {
		list = reallocarray(r->domains, room, sizeof(*list));
		if (list == NULL)
			return SMX_ENOMEM;
		r->domains = list;
		r->room = room;
	}
	list += r->count;
	list->name = strdup(d->name);
	if (list->name == NULL)
		return SMX_ENOMEM;
	list->backup = backup_of(r, d);
	list->held = d->held;
	r->count++;
	return SMX_OK;
}

static int
read_some(struct releaser *r, struct backup_moves_domain *page, size_t *count)
{
	char after[sizeof(page->name)] = "";
	int rc;

	if (r->count != 0)
		(void)text_copy(after, sizeof(after),
		    r->domains[r->count - 1].name);
	rc = backup_moves_domains(backup_db(r->backup), after, page, AT_A_TIME,
	    count);
	for (size_t i = 0; rc == SMX_OK && i < *count; i++)
		rc = add(r, &page[i]);
	return rc;
}

int
release_look(struct releaser *r)
{
	struct backup_moves_domain *page = calloc(AT_A_TIME, sizeof(*page));
	size_t count = AT_A_TIME;
	int rc = SMX_OK;

	if (page == NULL)
		return SMX_ENOMEM;
	release_forget(r);
	r->config = node_config(backup_node(r->backup));
	while (rc == SMX_OK && count == AT_A_TIME)
		rc = read_some(r, page, &count);
	free(page);
	return rc;
}
