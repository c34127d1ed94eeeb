/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_GEO_H
#define CORE_GEO_H

#include <shadowmx/policy.h>

#include "core/ip.h"

/*
 * One database of places, asked by policy and answered by lib/io.  locate fills
 * in what it knows and leaves the rest; called by many threads at a time.  hold
 * counts one more user, close one less.
 */
struct geo_ops {
	void (
	    *locate)(void *ctx, const struct ip *ip, struct smx_client *client);
	void (*hold)(void *ctx);
	void (*close)(void *ctx);
};

struct geo {
	void *ctx;
	const struct geo_ops *ops; /* NULL: none, nothing is known */
};

#endif
