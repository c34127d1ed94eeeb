/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INJECT_H
#define INJECT_H

/*
 * Makes calls of the library fail, by number.  A program that is linked with
 * inject.c, and with the library's archives in which the functions of
 * test/inject/names are renamed (inject_malloc for malloc), has every such call
 * of the library pass through here.  Nothing fails before inject_arm, unless
 * the environment says so:
 *
 *	INJECT=K[,N]	of the library's allocations, in each process, the K-th
 *			and those that follow it, N in all (1; 0: for ever),
 *fail INJECT_MOST=FILE	is left with the largest number of allocations that any
 *process of this program made
 */
enum inject_kind {
	INJECT_MEMORY,
	INJECT_EIO,
	INJECT_ENOSPC,
	INJECT_EINTR, /* calls that wait */
	INJECT_SHORT, /* half of what was asked for is read or written */
	INJECT_KINDS
};

struct inject {
	enum inject_kind kind;
	unsigned long from, count; /* from the from-th on, count; 0: for ever */
};

/* Counting begins at one, of the calls that this kind concerns. */
void inject_arm(const struct inject *what);
/* How many there were since. */
unsigned long inject_disarm(void);
/* SQLite's memory and files, too; before it is used. */
void inject_sqlite(void);

#endif
