/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_POSTCONF_H
#define IO_POSTCONF_H

#include <stddef.h>

#include <shadowmx/err.h>

/*
 * Ask Postfix's own postconf(1) for one setting, without a shell. SMX_ENOTFOUND
 * when there is no such program, SMX_ETIMEOUT after ten seconds.
 *
 * Threads: call from a process that has one thread only (it forks).
 */
int postconf_ask(const char *config_directory, const char *setting, char *out,
    size_t size, char *why, size_t why_size) SMX_MUST_USE;

#endif
