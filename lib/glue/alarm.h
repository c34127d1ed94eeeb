/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ALARM_H
#define GLUE_ALARM_H

#include <shadowmx/engine.h>

/*
 * What a person has to know at once: a log line of level err, event=alarm, and
 * the program of backup.alarm, run with fixed arguments and no shell:
 *
 *	PROGRAM WHAT SUBJECT TEXT
 *
 * as the worker's user, without input, one at a time, ended after 30 s; more
 * than ten that wait are only logged.  Returns at once; any thread.
 */
void alarm_tell(struct smx_engine *node, const char *what, const char *subject,
    const char *text);

/* Of a backup: who runs the program. */
struct alarms;
int alarms_new(struct alarms **out) SMX_MUST_USE;
/* Its thread ends, and a program that runs is ended with it. */
void alarms_stop(struct alarms *alarms);
void alarms_free(struct alarms **alarms);

#endif
