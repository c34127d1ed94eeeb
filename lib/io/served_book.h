/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SERVED_BOOK_H
#define IO_SERVED_BOOK_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/resend.h"

/*
 * Recipients that a next hop has taken although the client was told to come
 * again: written and synced before it is told, and left out when it does.
 * An append-only file in the store's folder; a torn end is cut off, a damaged
 * record in the middle is reported and skipped.
 *
 * Threads: any; one lock inside.
 */
#define SERVED_RCPTS_MAX 200000
#define SERVED_KEEP_MS   (INT64_C(7) * 24 * 3600 * 1000) /* a client's patience \
							  */

struct served_book;
int served_book_open(struct served_book **out, const char *folder,
    int64_t now_wall_ms, char *why, size_t why_size) SMX_MUST_USE;
void served_book_close(struct served_book **book);
/* served: one per recipient of the message, non-zero those to be written.
 * SMX_OK: it is on disk.  SMX_EFULL (ceiling, disk), SMX_EIO: it is not, and no
 * 4xx may be answered. */
int served_book_add(struct served_book *book,
    const struct resend_message *message, const unsigned char *served,
    int64_t now_wall_ms) SMX_MUST_USE;
/* Fills in served; returns how many. */
size_t served_book_look(struct served_book *book,
    const struct resend_message *message, unsigned char *served,
    int64_t now_wall_ms);
size_t served_book_count(struct served_book *book);

#endif
