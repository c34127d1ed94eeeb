/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_ALARM_RUN_H
#define IO_ALARM_RUN_H

#include <stdint.h>

#include <shadowmx/err.h>

/*
 * A person's program, by its path and with these arguments (argv ends with
 * NULL), without a shell, without input and without a place for its output, in
 * a process group of its own.
 *
 * SMX_OK: *status is what it ended with, as wait(2) has it; SMX_ETIMEOUT: it
 * had not ended by then, or leave() said so (NULL: nobody does), and was killed
 * with its children; SMX_EIO: it could not be run.
 */
int alarm_run(const char *program, const char *const *argv,
    int64_t until_mono_ms, int (*leave)(void *ctx), void *ctx,
    int *status) SMX_MUST_USE;

#endif
