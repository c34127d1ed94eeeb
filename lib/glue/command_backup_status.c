/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/clock.h"
#include "glue/backup.h"
#include "glue/backup_books.h"
#include "glue/primaries.h"

/* What "status" says of the domains that this host is the backup MX of. */
struct counting {
	struct backup *backup;
	uint64_t domains, up, down, announced;
};

static int
count_one(void *ctx, const char *domain, const struct smx_backup *backup,
    const struct primaries_word *word)
{
	struct counting *n = ctx;

	(void)domain, (void)backup;
	n->domains++;
	n->announced += word->announced != 0;
	n->up += !word->announced && word->state == MX_UP;
	n->down += !word->announced && word->state == MX_DOWN;
	return 0;
}

static void
open_members(struct buf *b, const struct books_sums *open)
{
	int64_t age = clock_wall_ms() - open->oldest_ms;

	json_num(b, "held_messages", (long long)open->held_messages);
	json_num(b, "held_bytes", (long long)open->held_bytes);
	json_num(b, "held", (long long)open->held);
	json_num(b, "queued", (long long)open->queued);
	json_num(b, "oldest_age_ms", open->oldest_ms == 0 || age < 0 ? 0 : age);
}

unsigned
command_backup_status(struct smx_engine *node, struct buf *b)
{
	struct counting n = { .backup = node_backup(node) };
	struct books_sums open;

	if (n.backup == NULL)
		return 0;
	(void)primaries_each(backup_primaries(n.backup), count_one, &n);
	json_object(b, "backup");
	json_num(b, "domains", (long long)n.domains);
	json_num(b, "up", (long long)n.up);
	json_num(b, "down", (long long)n.down);
	json_num(b, "announced", (long long)n.announced);
	if (books_open(backup_books(n.backup), NULL, &open) == SMX_OK)
		open_members(b, &open);
	json_close(b);
	return n.down != 0 ? LOOK_PRIMARY_MX : 0;
}
