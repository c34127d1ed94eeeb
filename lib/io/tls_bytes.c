/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/tls.h"

#include <string.h>

#include "io/tls_in.h"

void *
tls_space(struct tls *tls, size_t *room)
{
	if (tls->in_from != 0) {
		memmove(tls->in, tls->in + tls->in_from,
		    tls->in_to - tls->in_from);
		tls->in_to -= tls->in_from;
		tls->in_from = 0;
	}
	*room = sizeof(tls->in) - tls->in_to;
	return tls->in + tls->in_to;
}

void
tls_received(struct tls *tls, size_t len)
{
	tls->in_to += len;
}

const void *
tls_output(const struct tls *tls, size_t *len)
{
	*len = tls->out.len - tls->out_sent;
	return *len == 0 ? NULL : tls->out.data + tls->out_sent;
}

void
tls_sent(struct tls *tls, size_t len)
{
	tls->out_sent += len;
	if (tls->out_sent >= tls->out.len) {
		buf_clear(&tls->out);
		tls->out_sent = 0;
	}
}
