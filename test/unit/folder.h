/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <stddef.h>

/* One folder of the test's own, which goes with all that is in it. */
extern char folder[64];

void folder_make(void);
void folder_remove(void);
/* Two paths at a time. */
const char *folder_file(const char *name);
void folder_put(const char *name, const char *data, size_t len);
void folder_put_text(const char *name, const char *text);

#endif
