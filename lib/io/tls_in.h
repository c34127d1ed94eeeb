/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_TLS_IN_H
#define IO_TLS_IN_H

#include "base/buf.h"
#include "io/tls.h"

/* OpenSSL's, by the names of its forward declarations. */
struct ssl_st;
struct ssl_ctx_st;
struct bio_method_st;

struct tls_context {
	struct ssl_ctx_st *ctx;
	struct bio_method_st *bytes; /* between OpenSSL and struct tls */
	int outside;                 /* no pins, no protocol to agree on */
	unsigned char alpn[64];      /* length, then the name */
	size_t alpn_len;
	struct tls_pin *pins;
	size_t count;
};

struct tls {
	struct ssl_st *ssl;
	struct tls_context *context;
	size_t wanted; /* peer we dialled, or TLS_ANY */
	size_t peer;   /* peer found, TLS_ANY until then */
	int stranger;  /* a certificate came, its pin is nobody's */
	char reason[128];
	struct buf out;
	size_t out_sent;
	size_t in_from, in_to;
	char in[TLS_IN_MAX];
};

#endif
