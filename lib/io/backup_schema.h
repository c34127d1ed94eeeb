/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_SCHEMA_H
#define IO_BACKUP_SCHEMA_H

#include "io/db_sqlite.h"

/* The tables of backup.db; what is in them is in doc/STORE. */
#define BACKUP_SCHEMA_VERSION 4

/* Make them in a new file, bring those of an earlier program up to this
 * version. SMX_EPROTO: of a later program. */
int backup_schema(struct db *db) SMX_MUST_USE;

#endif
