/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RIGHTS_H
#define GLUE_RIGHTS_H

#include <sys/types.h>

#include "glue/control.h"

/* Who is behind a control connection, as the kernel says, and what that allows.
 */
struct rights {
	uid_t uid; /* (uid_t)-1: the kernel did not say */
	pid_t pid;
	int may_look;
	int may_change;
};

void rights_of(const struct control_options *options, int fd,
    struct rights *out);

#endif
