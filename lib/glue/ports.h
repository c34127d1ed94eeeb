/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_PORTS_H
#define GLUE_PORTS_H

#include <shadowmx/engine.h>

#include "glue/helper.h"
#include "glue/worker.h"

/*
 * The worker's four ports, made from the configuration.
 */
struct ports {
	struct smx_store store;
	struct smx_link link;
	struct smx_queue queue;
	struct smx_submit submit;
	struct helper *helper;
};

/* What is wrong has been logged; then nothing is open. */
int ports_open(struct ports *ports,
    const struct worker_options *options) SMX_MUST_USE;
void ports_lend(struct ports *ports, struct smx_engine_ports *out);
void ports_close(struct ports *ports);

#endif
