/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_CONTENT_H
#define IO_STORE_CONTENT_H

#include <shadowmx/content.h>
#include <shadowmx/key.h>

#include "io/store_body.h"
#include "io/store_view.h"

/* Content of a stored shadow, read once as a whole and compared with its digest
 * before it is handed out.  It stays readable when its row is dropped. */
int stored_open(struct view *view, struct bodies *bodies,
    const struct smx_key *key, struct smx_content *content) SMX_MUST_USE;
void stored_close(struct smx_content *content);

#endif
