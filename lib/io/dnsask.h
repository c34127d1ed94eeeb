/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_DNSASK_H
#define IO_DNSASK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <shadowmx/engine.h>

#include "core/dnsrecord.h"

/*
 * Questions to name servers, each with a deadline: the system's functions have
 * none for a server that takes a connection and says nothing, and cannot be
 * sent to a server of one's choice.  One question at a time for each caller.
 */
#define DNSASK_SERVERS 3
#define DNSASK_TRY_MS  2000 /* one server is waited for, at most */
#define DNSASK_PORT    53

struct dnsask_server {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct dnsask {
	struct dnsask_server servers[DNSASK_SERVERS];
	size_t count;
	int recursive;
	int trusted; /* what they say of signatures is believed ("options
		      * trust-ad"); of a server on loopback it always is */
	int64_t try_ms;
	/* As for smx_session_end; may be NULL. */
	smx_waiting_fn waiting;
	void *waiting_ctx;
};

/* Those of resolv.conf(5); with none of them the one of this host. */
void dnsask_system(struct dnsask *out, const char *path);
/* This one alone, which has to know.  address: 4 or 16 bytes. */
void dnsask_server(struct dnsask *out, const unsigned char *address, size_t len,
    uint16_t port);

/* As dnsrecord_parse; SMX_ETEMP also when no server answers; SMX_ETIMEOUT: not
 * until then; SMX_ECLOSED: waiting said so; SMX_EINVAL: not a name. */
int dnsask(const struct dnsask *ask, const char *name, enum dns_type type,
    int64_t until_mono_ms, struct dnsanswer *out) SMX_MUST_USE;

#endif
