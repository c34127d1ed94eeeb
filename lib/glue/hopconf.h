/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HOPCONF_H
#define GLUE_HOPCONF_H

#include "core/conf.h"
#include "core/hopstate.h"
#include "io/hop.h"

/* The group "delivery" of a configuration as those want it who deliver; texts
 * are the configuration's. */
void hopconf_hops(const struct conf *conf, struct hops_options *out);
void hopconf_states(const struct conf *conf, struct hopstates_options *out);

#endif
