/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stddef.h>

#include "io/identity.h"

/*
 * TLS 1.3 without a socket: what was received goes in, what is to be sent comes
 * out.  Both sides show a certificate and are known by the pin of its key;
 * names, dates and issuers are not looked at.
 */
struct tls_context; /* may be shared by threads */
struct tls;         /* one connection, one thread at a time */

#define TLS_AGAIN  1 /* more must be received first */
#define TLS_ANY    ((size_t)-1)
#define TLS_IN_MAX 65536 /* received, not yet decrypted */
#define TLS_OUT_MAX                                                            \
	131072 /* a writer that respects tls_output never meets it */

struct tls_pin {
	char text[SMX_PIN_TEXT];
	size_t peer;
};

/* pins are copied. */
int tls_context_new(struct tls_context **out, const struct identity *identity,
    const char *alpn, const struct tls_pin *pins, size_t count) SMX_MUST_USE;
void tls_context_free(struct tls_context **context);

/* A connection that we accepted from any of the peers, or opened to one. */
int tls_accept(struct tls **out, struct tls_context *context) SMX_MUST_USE;
int tls_connect(struct tls **out, struct tls_context *context,
    size_t peer) SMX_MUST_USE;
void tls_free(struct tls **tls);

/*
 * TLS 1.2 or newer with a host that is none of ours: nobody's pin, and no
 * certificate of our own.  verify: its certificate must be signed by one of
 * those in the file ca ("": the system's) and be for host, a name or an
 * address, or for also (may be NULL).  SMX_ECONFIG: ca.
 */
int tls_outside_new(struct tls_context **out, int verify,
    const char *ca) SMX_MUST_USE;
int tls_outside(struct tls **out, struct tls_context *context, const char *host,
    const char *also) SMX_MUST_USE;

/* SMX_OK, TLS_AGAIN, SMX_EPERM (not one of the pins), SMX_EPROTO. */
int tls_handshake(struct tls *tls);
/* Who the other side is, after the handshake. */
size_t tls_peer(const struct tls *tls);
/* The certificates that an outside host has shown, DER one behind the other,
 * its own first; appended.  SMX_ENOTFOUND: none. */
struct buf;
int tls_certificates(const struct tls *tls, struct buf *out) SMX_MUST_USE;
/* What went wrong, for the log; never NULL. */
const char *tls_reason(const struct tls *tls);

int tls_write(struct tls *tls, const void *data, size_t len) SMX_MUST_USE;
/* SMX_OK, TLS_AGAIN, SMX_ECLOSED (the other side said so), SMX_EPROTO. */
int tls_read(struct tls *tls, void *out, size_t size, size_t *len);

/* Where to put what the socket gives, and how much of it came. */
void *tls_space(struct tls *tls, size_t *room);
void tls_received(struct tls *tls, size_t len);
/* What the socket should take, and how much it took. */
const void *tls_output(const struct tls *tls, size_t *len);
void tls_sent(struct tls *tls, size_t len);

#endif
