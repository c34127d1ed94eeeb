/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * Lost memory is looked for by gcc's address sanitizer when a program leaves
 * main.  The daemon's processes never do, and forbid others to look at theirs;
 * preloaded by sanitized.sh this looks when one of them ends in order.
 */

int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static pid_t service;

int
prctl(int option, ...)
{
	int (*real)(int, ...) = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (option == PR_SET_DUMPABLE) {
		service = getpid();
		return real(PR_SET_DUMPABLE, 1, 0, 0, 0);
	}
	return real(option, a[0], a[1], a[2], a[3]);
}

void
_exit(int status)
{
	void (*real)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

	if (service == getpid() && __lsan_do_recoverable_leak_check != NULL)
		(void)__lsan_do_recoverable_leak_check();
	real(status);
	abort();
}
