/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STORE_CRASH_H
#define STORE_CRASH_H

#include <stddef.h>

#include <shadowmx/store.h>

/* What the flow (store_crash.c) and its judge (store_judge.c) share. */
#define KEYS_MAX  64
#define BODY_FILE 4096

extern struct smx_store store;

int open_store(const char *folder);
struct smx_key key_of(unsigned n);
char *bytes_of(size_t size, unsigned seed); /* malloc'ed */
int begin(unsigned n, size_t size, struct smx_draft **draft);
/* What an amendment of this version says. */
void amendment_of(unsigned version, char envelope[64], char holders[16]);

/* Exit statuses. */
int verify(const char *folder, const char *promises);
int old(const char *folder, const char *sql);
int upgrade(const char *folder);

#endif
