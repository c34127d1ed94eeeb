/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INJECT_CALLS_H
#define INJECT_CALLS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* What the library calls in place of the system's, as test/inject/names says.
 */
void *inject_malloc(size_t size);
void *inject_calloc(size_t count, size_t size);
void *inject_realloc(void *old, size_t size);
char *inject_strdup(const char *text);
ssize_t inject_read(int fd, void *buf, size_t len);
ssize_t inject_pread(int fd, void *buf, size_t len, off_t at);
ssize_t inject_write(int fd, const void *buf, size_t len);
ssize_t inject_pwrite(int fd, const void *buf, size_t len, off_t at);
int inject_open(const char *path, int flags, ...);
int inject_openat(int at, const char *path, int flags, ...);
int inject_fsync(int fd);
int inject_ftruncate(int fd, off_t size);
int inject_posix_fallocate(int fd, off_t at, off_t len);
int inject_renameat(int from, const char *old, int to, const char *new);
int inject_unlinkat(int at, const char *path, int flags);
int inject_mkdirat(int at, const char *path, mode_t mode);

ssize_t inject_send(int fd, const void *buf, size_t len, int flags);
ssize_t inject_recv(int fd, void *buf, size_t len, int flags);
int inject_socket(int domain, int type, int protocol);
int inject_connect(int fd, const struct sockaddr *sa, socklen_t len);

/* Non-zero: this allocation is to fail. */
int inject_refuses_memory(void);

#endif
