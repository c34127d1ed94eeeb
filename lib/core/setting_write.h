/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SETTING_WRITE_H
#define CORE_SETTING_WRITE_H

#include "base/buf.h"
#include "core/settings.h"

/* Append the setting's value as it would be written in a file; base is its
 * section's struct.  Zero, and nothing that counts in b, when it has none. */
int value_write(struct buf *b, const struct setting *s, const void *base);

#endif
