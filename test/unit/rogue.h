/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_ROGUE_H
#define TEST_ROGUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The other side of a peer link as a stranger might write it: plain OpenSSL on
 * a blocking socket, nothing of the library but the certificate.
 */
struct rogue {
	void *ctx; /* SSL_CTX */
	void *ssl; /* SSL */
	int fd;
};

struct rogue_setup {
	const char *key_file; /* NULL: shows no certificate */
	const char *alpn;     /* NULL: offers none */
	int old_version;      /* TLS 1.2 at most */
};

/* A listening socket on 127.0.0.1; the kernel chooses the port. */
int rogue_listen(uint16_t *port);
int rogue_connect(uint16_t port); /* plain TCP */

/* 0, or -1 when the other side would not have it.  In TLS 1.3 a client learns
 * of its refusal with the first read only. */
int rogue_dial(struct rogue *r, uint16_t port, const struct rogue_setup *setup);
int rogue_answer(struct rogue *r, int listening,
    const struct rogue_setup *setup);
void rogue_close(struct rogue *r);

int rogue_write(struct rogue *r, const void *data, size_t len);
int rogue_say(struct rogue *r, const char *text);
/* Up to CRLF, which is cut off; -1 at the end or after five seconds. */
int rogue_line(struct rogue *r, char *out, size_t size);
/* Read exactly so many bytes and forget them. */
int rogue_skip(struct rogue *r, size_t len);

#endif
