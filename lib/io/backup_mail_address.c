/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_mail.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"

struct wanted {
	struct backup_db *db;
	int64_t id;
	uint64_t hash;
	char *out;
	size_t size;
};

static const char address_sql[] =
    "SELECT address FROM mail_rcpt WHERE mail = ?1 AND hash = ?2";

static int
find(void *ctx, struct db *on)
{
	const struct wanted *w = ctx;
	struct db_stmt *stmt;
	char hash[17];
	int rc = backup_db_stmt(w->db, on, address_sql, &stmt);

	if (rc != SMX_OK)
		return rc;
	snprintf(hash, sizeof(hash), "%016" PRIx64, w->hash);
	db_bind_int(stmt, 1, w->id);
	db_bind_text(stmt, 2, hash);
	rc = db_step(stmt);
	if (rc == SMX_OK && text_copy(w->out, w->size, db_text(stmt, 0)))
		rc = SMX_ELIMIT;
	db_reset(stmt);
	return rc;
}

int
backup_mail_address(struct backup_db *db, int64_t id, uint64_t hash, char *out,
    size_t size)
{
	struct wanted wanted = { db, id, hash, out, size };

	return backup_db_read(db, find, &wanted);
}
