/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_IDENTITY_H
#define SHADOWMX_IDENTITY_H

#include <stddef.h>

#include <shadowmx/err.h>
#include <shadowmx/link.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A host's key for the peer link.  Peers know each other by the pin of their
 * public key: "sha256/" and the base64 of the SHA-256 of the DER
 * SubjectPublicKeyInfo (RFC 7469 section 2.4).
 */
#define SMX_PIN_TEXT 52

/* Make a new private key (P-256) in path, mode 0600.  SMX_EEXIST when the
 * file is there already; it is never overwritten. */
SMX_API int smx_identity_generate(const char *path, char *why,
    size_t why_size) SMX_MUST_USE;
/* SMX_EPERM when others may read the file. */
SMX_API int smx_identity_pin(const char *path, char pin[SMX_PIN_TEXT],
    char *why, size_t why_size) SMX_MUST_USE;
/* SMX_EINVAL unless text has the form of a pin. */
SMX_API int smx_pin_check(const char *text) SMX_MUST_USE;

/* A peer of the TLS link. */
struct smx_link_peer {
	const char *name;
	const char *address;     /* "192.0.2.2:8825", "[2001:db8::2]:8825" */
	const char *const *pins; /* any of them is accepted */
	size_t pin_count;
};

struct smx_link_options {
	const char *node;     /* our name */
	const char *key_file; /* NULL: no peers, and nothing to listen on */
	const char *listen;   /* address:port, "" only outgoing */
	int listen_fd;        /* an open socket instead, else -1 */
	const struct smx_link_peer *peers;
	size_t peer_count;
	size_t pool; /* kept connections per peer, 0: 32; at most twice as many
		      * are in use, other calls wait for their turn */
	size_t max_connections; /* incoming per peer, 0: 64 */
	size_t max_pending;     /* incoming not yet authenticated, 0: 64 */
	uint64_t max_content;   /* bytes, 0: 1 GiB */
	size_t max_envelope;    /* bytes, 0: 2 MiB */
	int64_t connect_ms;     /* 0: 5 s */
	int64_t idle_ms;        /* a silent connection ends, 0: 300 s */
	int64_t step_ms;        /* a peer that stops inside a verb, 0: 30 s */
};

/* TCP with TLS 1.3 and pins (doc/WIRE).  All is copied. */
SMX_API int smx_link_open_tls(struct smx_link *out,
    const struct smx_link_options *options, char *why,
    size_t why_size) SMX_MUST_USE;
/* Two links joined in memory, for tests and for trying out: what goes into one
 * comes out of the other as peer 0. */
SMX_API int smx_link_open_pair(struct smx_link *a,
    struct smx_link *b) SMX_MUST_USE;
SMX_API void smx_link_close(struct smx_link *link);

#ifdef __cplusplus
}
#endif
#endif
