/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ROLES_H
#define GLUE_ROLES_H

#include "glue/child.h"
#include "glue/service.h"

/*
 * What each child is: who it runs as, which descriptors it keeps, what it runs.
 */
struct roles_worker {
	struct service *service;
	int channel_fd;
};

int roles_start_worker(struct child *child, const struct roles_worker *role);
int roles_start_watcher(struct child *child, struct service *service);
int roles_start_helper(struct child *child, struct service *service);

#endif
