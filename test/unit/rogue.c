/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "rogue.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "io/identity.h"

int
rogue_listen(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		return -1;
	*port = ntohs(in.sin_port);
	return fd;
}

static void
timeouts(int fd)
{
	struct timeval tv = { .tv_sec = 5 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	signal(SIGPIPE, SIG_IGN);
}

int
rogue_connect(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0) {
		close(fd);
		return -1;
	}
	timeouts(fd);
	return fd;
}

static int
anybody(X509_STORE_CTX *store, void *ctx)
{
	(void)store;
	(void)ctx;
	return 1;
}

static int
choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *ctx)
{
	const char *alpn = ctx;

	(void)ssl;
	(void)in;
	(void)in_len;
	*out = (const unsigned char *)alpn;
	*out_len = (unsigned char)strlen(alpn);
	return SSL_TLSEXT_ERR_OK;
}

static int
setup_apply(struct rogue *r, const struct rogue_setup *setup)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	unsigned char alpn[64];
	struct identity id;

	r->ctx = ctx;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, anybody, NULL);
	SSL_CTX_set_num_tickets(ctx, 0);
	if (setup->old_version)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (setup->alpn != NULL) {
		size_t len = strlen(setup->alpn);

		alpn[0] = (unsigned char)len;
		memcpy(alpn + 1, setup->alpn, len);
		SSL_CTX_set_alpn_protos(ctx, alpn, (unsigned)len + 1);
		SSL_CTX_set_alpn_select_cb(ctx, choose,
		    (void *)(uintptr_t)setup->alpn);
	}
	if (setup->key_file == NULL)
		return 0;
	if (identity_load(&id, setup->key_file, NULL, 0) != SMX_OK)
		return -1;
	SSL_CTX_use_certificate(ctx, id.certificate);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	identity_free(&id);
	return 0;
}

static int
begin(struct rogue *r, const struct rogue_setup *setup, int server)
{
	int n = -1;

	if (r->fd >= 0 && setup_apply(r, setup) == 0) {
		timeouts(r->fd);
		r->ssl = SSL_new(r->ctx);
		SSL_set_fd(r->ssl, r->fd);
		n = server ? SSL_accept(r->ssl) : SSL_connect(r->ssl);
	}
	if (n == 1)
		return 0;
	rogue_close(r);
	return -1;
}

int
rogue_dial(struct rogue *r, uint16_t port, const struct rogue_setup *setup)
{
	memset(r, 0, sizeof(*r));
	r->fd = rogue_connect(port);
	return begin(r, setup, 0);
}

int
rogue_answer(struct rogue *r, int listening, const struct rogue_setup *setup)
{
	memset(r, 0, sizeof(*r));
	r->fd = accept(listening, NULL, NULL);
	return begin(r, setup, 1);
}

void
rogue_close(struct rogue *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	if (r->fd >= 0)
		close(r->fd);
	r->ssl = r->ctx = NULL;
	r->fd = -1;
}

int
rogue_write(struct rogue *r, const void *data, size_t len)
{
	size_t n;

	return SSL_write_ex(r->ssl, data, len, &n) == 1 ? 0 : -1;
}

int
rogue_say(struct rogue *r, const char *text)
{
	return rogue_write(r, text, strlen(text));
}

int
rogue_line(struct rogue *r, char *out, size_t size)
{
	size_t len = 0;

	while (len < size && SSL_read(r->ssl, out + len, 1) == 1) {
		if (out[len] == '\n' && len > 0 && out[len - 1] == '\r') {
			out[len - 1] = '\0';
			return 0;
		}
		len++;
	}
	return -1;
}

int
rogue_skip(struct rogue *r, size_t len)
{
	char piece[4096];

	while (len != 0) {
		int n = SSL_read(r->ssl, piece,
		    (int)(len < sizeof(piece) ? len : sizeof(piece)));

		if (n <= 0)
			return -1;
		len -= (size_t)n;
	}
	return 0;
}
