/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_FSUTIL_H
#define IO_FSUTIL_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Files below a folder that is ours alone.  Names are single components, never
 * followed through links; modes are 0600 and 0700 whatever the umask allows
 * beyond.  errno is logged here, once; SMX_EFULL stands for a full disk or a
 * used-up disk quota.
 */

/* An existing or new folder, opened.  A new one is made 0700 and its parent is
 * synced.  SMX_EPERM: owned by another user, or others may write in it. */
int fs_open_folder(int at, const char *path, int *fd) SMX_MUST_USE;
/* A new file for reading and writing; SMX_EEXIST when the name is taken. */
int fs_create(int folder, const char *name, int *fd) SMX_MUST_USE;
/* An existing file, or (create) a new one, for reading and writing. */
int fs_open_or_create(int folder, const char *name, int *fd) SMX_MUST_USE;
/* For reading; SMX_ENOTFOUND is not logged. */
int fs_open_read(int folder, const char *name, int *fd,
    uint64_t *size) SMX_MUST_USE;
void fs_close(int *fd); /* accepts -1, leaves -1 */

int fs_write_all(int fd, const void *data, size_t len) SMX_MUST_USE;
/* Exactly len bytes from offset; SMX_ECORRUPT when the file is shorter. */
int fs_read_at(int fd, uint64_t offset, void *buf, size_t len) SMX_MUST_USE;
/* A file or a folder.  After a failure the bytes must not be trusted, and a
 * second call that succeeds means nothing. */
int fs_sync(int fd) SMX_MUST_USE;
/* Forget what the system's cache has of a synced file, as far as it does that:
 * the next read shows what the disk has. */
void fs_uncache(int fd);
/* Give a file its blocks now, so that removing it makes room. */
int fs_allocate(int fd, uint64_t size) SMX_MUST_USE;
/* Bytes that the file system has for us, and in all. */
int fs_room(int fd, uint64_t *free_bytes, uint64_t *total) SMX_MUST_USE;
/* A name that is not there is SMX_OK. */
int fs_unlink(int folder, const char *name) SMX_MUST_USE;

/* Each name in the folder but "." and ".."; non-zero from each stops. */
typedef int (*fs_name_fn)(void *ctx, const char *name);
int fs_each(int folder, fs_name_fn each, void *ctx) SMX_MUST_USE;

/* Take the whole-file lock without waiting: SMX_EBUSY when another open file
 * has it, in this process or another.  It goes with the descriptor. */
int fs_lock(int fd) SMX_MUST_USE;

#endif
