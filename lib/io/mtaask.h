/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MTAASK_H
#define IO_MTAASK_H

#include <stddef.h>

#include <shadowmx/err.h>

#include "base/buf.h"

/*
 * Run one of Postfix's own programs to ask it something: fixed places, no
 * shell, nothing on its standard input, no environment of the caller's.
 *
 * argv is without the program's name and ends with NULL.  What it prints is
 * added to out, up to the ceiling of out (SMX_ELIMIT beyond).  SMX_ENOTFOUND:
 * there is no such program; SMX_ETIMEOUT: not done within ten seconds;
 * SMX_EREFUSED: it said no.  why gets the first line of what it said then.
 *
 * Threads: call from a process that has one thread only (it forks).
 */
int mta_ask(const char *program, const char *const *argv, struct buf *out,
    char *why, size_t why_size) SMX_MUST_USE;

#endif
