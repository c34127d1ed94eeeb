/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFID_H
#define CORE_PFID_H

#include <stddef.h>

/*
 * Postfix queue ids, from their text alone.
 *
 * Short: the microseconds in five hex digits, then the inode in hex; the same
 *        name can come back for another message.
 * Long:  seconds (six or more) and microseconds (four) in base 52, 'z', and the
 *        inode in base 51; such a name does not come back.
 */
#define PFID_TEXT 32 /* longest id that is believed, with the closing NUL */
#define PFID_HASH 5  /* hex digits that folders can be named after */

/* Non-zero for a queue id; temporary names ("631338.4711") are none. */
int pfid_valid(const char *text, size_t len);
/* Of a valid id. */
int pfid_long(const char *id);
/* The digits that Postfix names the subfolders of a hashed queue after, the
 * first one for the first level; a valid id always has all five. */
void pfid_hash(const char *id, char out[PFID_HASH + 1]);

#endif
