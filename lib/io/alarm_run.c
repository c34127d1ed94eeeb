/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */
#include "config.h"
#include "io/alarm_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"

#define LOOK_MS 20

static int
prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int rc = 0;

	sigemptyset(&none);
	sigfillset(&all);
	for (int fd = 0; fd < 3; fd++)
		rc |= posix_spawn_file_actions_addopen(files, fd, "/dev/null",
		    fd == 0 ? O_RDONLY : O_WRONLY, 0);
	rc |= posix_spawn_file_actions_addclosefrom_np(files, 3);
	rc |= posix_spawnattr_setsigmask(attr, &none);
	rc |= posix_spawnattr_setsigdefault(attr, &all);
	rc |= posix_spawnattr_setpgroup(attr, 0);
	rc |= posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
						 POSIX_SPAWN_SETSIGDEF |
						 POSIX_SPAWN_SETPGROUP);
	return rc == 0 ? SMX_OK : SMX_EIO;
}

static int
start(const char *program, const char *const *argv, pid_t *pid)
{
	char *const env[] = { (char *)(uintptr_t) "PATH=/usr/local/sbin:"
						  "/usr/local/bin:/usr/sbin:"
						  "/usr/bin:/sbin:/bin",
		(char *)(uintptr_t) "LC_ALL=C", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	if (posix_spawn_file_actions_init(&files) != 0)
		return SMX_EIO;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return SMX_EIO;
	}
	rc = prepare(&files, &attr);
	if (rc == SMX_OK && posix_spawn(pid, program, &files, &attr,
				(char *const *)(uintptr_t)argv, env) != 0)
		rc = SMX_EIO;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static void
kill_all(pid_t pid, int *status)
{
	(void)kill(-pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

int
alarm_run(const char *program, const char *const *argv, int64_t until_mono_ms,
    int (*leave)(void *ctx), void *ctx, int *status)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	pid_t pid, ended;
	int rc = start(program, argv, &pid);

	if (rc != SMX_OK)
		return rc;
	for (;;) {
		ended = waitpid(pid, status, WNOHANG);
		if (ended == pid)
			return SMX_OK;
		if (ended < 0 && errno != EINTR)
			return SMX_EIO;
		if (clock_mono_ms() >= until_mono_ms ||
		    (leave != NULL && leave(ctx))) {
			kill_all(pid, status);
			return SMX_ETIMEOUT;
		}
		nanosleep(&pause, NULL);
	}
}
