/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MASTER_H
#define IO_MASTER_H

#include <shadowmx/link.h>

/*
 * Is Postfix's master process running on the queue that this descriptor of its
 * folder belongs to?  Looks only: takes no lock and connects to nobody, so it
 * can neither keep a master from starting nor wake a service.
 */
enum smx_mta_health master_health(int queue_fd);

#endif
