/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/hopconf.h"

#include <assert.h>
#include <string.h>

static_assert((int)CONF_TLS_NONE == (int)HOP_TLS_NONE &&
		  (int)CONF_TLS_MAY == (int)HOP_TLS_MAY &&
		  (int)CONF_TLS_ENCRYPT == (int)HOP_TLS_ENCRYPT &&
		  (int)CONF_TLS_VERIFY == (int)HOP_TLS_VERIFY,
    "the setting's words mean the same");

void
hopconf_hops(const struct conf *conf, struct hops_options *out)
{
	memset(out, 0, sizeof(*out));
	out->helo =
	    conf->delivery_helo[0] != '\0' ? conf->delivery_helo : conf->node;
	out->tls = (enum hop_tls)conf->delivery_tls;
	out->tls_ca = conf->delivery_tls_ca;
	out->connect_ms = conf->delivery_connect_ms;
	out->step_ms = conf->delivery_step_ms;
	out->idle_ms = conf->delivery_idle_ms;
	out->idle_max = (size_t)conf->delivery_connections;
}

void
hopconf_states(const struct conf *conf, struct hopstates_options *out)
{
	out->backoff_ms = conf->delivery_backoff_ms;
	out->backoff_max_ms = conf->delivery_backoff_max_ms;
}
