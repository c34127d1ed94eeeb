/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STSFETCH_H
#define IO_STSFETCH_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>

#include "base/buf.h"

/*
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 3.3): from port 443
 * of the addresses that are given, nothing else but https, no other place that
 * it sends one to, and only from who has a certificate for that name.
 */
#define STSFETCH_WHY       160
#define STSFETCH_ADDRESSES 4
#define STSFETCH_PORT      443

struct stsfetch {
	const char *domain;
	/* as in CURLOPT_RESOLVE: "192.0.2.1,[2001:db8::1]" */
	const char *addresses;
	const char *ca; /* file of certificates, "": the system's */
	size_t max;     /* bytes; more is no answer */
	int64_t until_mono_ms;
	smx_waiting_fn waiting; /* as for smx_session_end; may be NULL */
	void *waiting_ctx;
};

/* This program was built with what it takes. */
int stsfetch_is_possible(void);
/* "mta-sts.example.org"; SMX_EINVAL: no such name can be in an address. */
int stsfetch_host(char *out, size_t size, const char *domain) SMX_MUST_USE;
/* Appends it.  SMX_ETEMP: it was not to be had, with a sentence in why;
 * SMX_ECLOSED: waiting said so; SMX_EINVAL: domain; SMX_ENOMEM. */
int stsfetch(const struct stsfetch *question, struct buf *out,
    char why[STSFETCH_WHY]) SMX_MUST_USE;

#endif
