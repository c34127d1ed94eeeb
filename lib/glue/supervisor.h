/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SUPERVISOR_H
#define GLUE_SUPERVISOR_H

#include "glue/service.h"

/*
 * Keep worker, watcher and helper running until TERM or INT, reload on HUP.
 * Owns the process's signals.  Returns an exit status of <sysexits.h>: not
 * EX_OK when the worker gave up, with a status of its own, before it was ready
 * for the first time.
 *
 * Threads: must be the only thread; forks.
 */
int supervisor_run(struct service *service);

#endif
