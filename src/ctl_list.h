/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_LIST_H
#define SRC_CTL_LIST_H

#include "ctl_json.h"

/* The table of peers from a list inside another record. */
int list_peers(const struct record *status, const char *path);

#endif
