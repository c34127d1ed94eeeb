/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdint.h>

/*
 * Words to the service manager, in the datagram form of sd_notify(3).  Without
 * $NOTIFY_SOCKET all of them do nothing.  Nothing waits: a manager that does
 * not read loses words.
 */

/* Read the environment once, and take it out of it: children must not speak
 * for the service. */
void notify_open(void);
void notify_ready(void);
/* RELOADING=1 with the time; notify_ready() ends it. */
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *text); /* one line */
void notify_watchdog(void);
/* What $WATCHDOG_USEC asks for, 0: nothing. */
int64_t notify_watchdog_ms(void);
void notify_close(void);

#endif
