/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_SOCKET_H
#define SRC_CTL_SOCKET_H

#include "ctl.h"

/* Where the daemon listens; *path is lent for good.  Zero when the files could
 * not be used to find it, and *path is where it usually is. */
int socket_find(const struct ctl *ctl, const char **path);

#endif
