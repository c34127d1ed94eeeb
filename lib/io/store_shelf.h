/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_SHELF_H
#define IO_STORE_SHELF_H

#include <stdint.h>

#include <shadowmx/store.h>

#include "io/net.h"
#include "io/net_mover.h"
#include "io/store_audit.h"
#include "io/store_dir.h"
#include "io/store_view.h"
#include "io/store_writer.h"

/* A store on a disk, put together: opened, recovered, its writer running. */
struct shelf {
	struct store_dir dir;
	struct group group;
	struct writer *writer;
	struct view *view;
	struct audit *audit;
	struct net_gate gate; /* of the safety net, if there is one: */
	struct net *net;      /* NULL: none */
	struct mover *mover;
	int suspect; /* at the start */
	uint64_t body_file_bytes;
};

int shelf_open(struct shelf **out, const struct smx_store_options *options,
    char *why, size_t why_size) SMX_MUST_USE;
void shelf_close(struct shelf *shelf);
/* Non-zero once a sync has failed. */
int shelf_down(const struct shelf *shelf);

#endif
