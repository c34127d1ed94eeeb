/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Preloaded into a daemon by costs.sh: counts allocations and locks of each of
 * its processes in a file, $COUNT_FILE.PID, that others can read at any time.
 * Its words: allocations, their bytes, releases, locks taken, waits.
 */
enum { ALLOCS, BYTES, FREES, LOCKS, WAITS, WORDS };

static _Atomic uint64_t none[WORDS];
static _Atomic uint64_t *count = none;
static int (*real_lock)(pthread_mutex_t *);
static int (*real_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*real_timedwait)(pthread_cond_t *, pthread_mutex_t *,
    const struct timespec *);

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static void
count_here(void)
{
	const char *path = getenv("COUNT_FILE");
	char name[4096];
	void *map;
	int fd;

	if (path == NULL)
		return;
	snprintf(name, sizeof(name), "%s.%ld", path, (long)getpid());
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, WORDS * sizeof(uint64_t)) != 0)
		return;
	map = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		count = map;
}

__attribute__((constructor)) static void
begin(void)
{
	real_lock =
	    (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real_wait = (int (*)(pthread_cond_t *,
	    pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_cond_wait");
	real_timedwait = (int (*)(pthread_cond_t *, pthread_mutex_t *,
	    const struct timespec *))dlsym(RTLD_NEXT, "pthread_cond_timedwait");
	count_here();
	pthread_atfork(NULL, NULL, count_here);
}

static void
add(size_t size)
{
	atomic_fetch_add_explicit(&count[ALLOCS], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&count[BYTES], size, memory_order_relaxed);
}

void *
malloc(size_t size)
{
	add(size);
	return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	add(n * size);
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	add(size);
	return __libc_realloc(p, size);
}

void
free(void *p)
{
	if (p != NULL)
		atomic_fetch_add_explicit(&count[FREES], 1,
		    memory_order_relaxed);
	__libc_free(p);
}

int
pthread_mutex_lock(pthread_mutex_t *lock)
{
	atomic_fetch_add_explicit(&count[LOCKS], 1, memory_order_relaxed);
	return real_lock(lock);
}

int
pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	atomic_fetch_add_explicit(&count[WAITS], 1, memory_order_relaxed);
	return real_wait(cond, lock);
}

int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
    const struct timespec *until)
{
	atomic_fetch_add_explicit(&count[WAITS], 1, memory_order_relaxed);
	return real_timedwait(cond, lock, until);
}
