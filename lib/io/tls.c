/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "io/tls_in.h"

/* ---- bytes ---- */

static int
bytes_read(BIO *bio, char *out, int size)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = t->in_to - t->in_from;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)size)
		n = (size_t)size;
	memcpy(out, t->in + t->in_from, n);
	t->in_from += n;
	if (t->in_from == t->in_to)
		t->in_from = t->in_to = 0;
	return (int)n;
}

static int
bytes_write(BIO *bio, const char *data, int len)
{
	struct tls *t = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	/* A socket that always leaves a rest never lets tls_sent begin anew. */
	if (t->out_sent != 0 && t->out.len + (size_t)len > TLS_OUT_MAX) {
		buf_drop(&t->out, t->out_sent);
		t->out_sent = 0;
	}
	return buf_add(&t->out, data, (size_t)len) == SMX_OK ? len : -1;
}

static long
bytes_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static int
bytes_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *
bytes_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
	    "shadowmx bytes");

	if (m == NULL)
		return NULL;
	BIO_meth_set_read(m, bytes_read);
	BIO_meth_set_write(m, bytes_write);
	BIO_meth_set_ctrl(m, bytes_ctrl);
	BIO_meth_set_create(m, bytes_create);
	return m;
}

/* ---- who the other side is ---- */

/* In place of OpenSSL's check of chains, names and dates. */
static int
peer_check(X509_STORE_CTX *store, void *ctx)
{
	struct tls_context *context = ctx;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	char pin[SMX_PIN_TEXT];

	t->stranger = 1;
	if (certificate == NULL || identity_pin_of(certificate, pin) != SMX_OK)
		return 0;
	for (size_t i = 0; i < context->count; i++) {
		const struct tls_pin *p = &context->pins[i];

		if ((t->wanted != TLS_ANY && t->wanted != p->peer) ||
		    strcmp(p->text, pin) != 0)
			continue;
		t->peer = p->peer;
		t->stranger = 0;
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
	return 0;
}

static int
alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *ctx)
{
	struct tls_context *context = ctx;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, context->alpn,
		(unsigned)context->alpn_len, in,
		in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* A side that offers no protocol at all never reaches alpn_choose. */
static int
alpn_agreed(const struct tls *t)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(t->ssl, &name, &len);
	return len == t->context->alpn_len - 1 &&
	       memcmp(name, t->context->alpn + 1, len) == 0;
}

/* ---- context ---- */

static int
context_fill(struct tls_context *c, const struct identity *identity)
{
	c->ctx = SSL_CTX_new(TLS_method());
	c->bytes = bytes_method();
	if (c->ctx == NULL || c->bytes == NULL)
		return SMX_ENOMEM;
	SSL_CTX_set_verify(c->ctx,
	    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c->ctx, peer_check, c);
	SSL_CTX_set_alpn_select_cb(c->ctx, alpn_choose, c);
	SSL_CTX_set_options(c->ctx,
	    SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(c->ctx, 1);
	if (SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(c->ctx, 0) != 1 ||
	    SSL_CTX_set_max_early_data(c->ctx, 0) != 1 ||
	    SSL_CTX_use_certificate(c->ctx, identity->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(c->ctx, identity->key) != 1 ||
	    SSL_CTX_set_alpn_protos(c->ctx, c->alpn, (unsigned)c->alpn_len) !=
		0)
		return SMX_EINVAL;
	return SMX_OK;
}

int
tls_context_new(struct tls_context **out, const struct identity *identity,
    const char *alpn, const struct tls_pin *pins, size_t count)
{
	struct tls_context *c = calloc(1, sizeof(*c));
	size_t len = strlen(alpn);
	int error = SMX_ENOMEM;

	if (c == NULL)
		return SMX_ENOMEM;
	c->pins = calloc(count + 1, sizeof(*c->pins));
	if (c->pins != NULL && len < sizeof(c->alpn)) {
		memcpy(c->pins, pins, count * sizeof(*pins));
		c->count = count;
		c->alpn[0] = (unsigned char)len;
		memcpy(c->alpn + 1, alpn, len);
		c->alpn_len = len + 1;
		error = context_fill(c, identity);
	}
	if (error != SMX_OK) {
		ERR_clear_error();
		tls_context_free(&c);
		return error;
	}
	*out = c;
	return SMX_OK;
}

/* ---- hosts that are not of us ---- */

static int
outside_fill(struct tls_context *c, int verify, const char *ca)
{
	c->outside = 1;
	c->ctx = SSL_CTX_new(TLS_client_method());
	c->bytes = bytes_method();
	if (c->ctx == NULL || c->bytes == NULL)
		return SMX_ENOMEM;
	SSL_CTX_set_options(c->ctx,
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	if (SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1)
		return SMX_EINVAL;
	if (!verify)
		return SMX_OK;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	if (ca[0] == '\0' ? SSL_CTX_set_default_verify_paths(c->ctx) != 1
			  : SSL_CTX_load_verify_file(c->ctx, ca) != 1)
		return SMX_ECONFIG;
	return SMX_OK;
}

int
tls_outside_new(struct tls_context **out, int verify, const char *ca)
{
	struct tls_context *c = calloc(1, sizeof(*c));
	int error;

	if (c == NULL)
		return SMX_ENOMEM;
	error = outside_fill(c, verify, ca);
	ERR_clear_error();
	if (error != SMX_OK)
		tls_context_free(&c);
	*out = c;
	return error;
}

void
tls_context_free(struct tls_context **context)
{
	struct tls_context *c = *context;

	if (c == NULL)
		return;
	SSL_CTX_free(c->ctx);
	BIO_meth_free(c->bytes);
	free(c->pins);
	free(c);
	*context = NULL;
}

/* ---- one connection ---- */

static int
tls_new(struct tls **out, struct tls_context *context, size_t wanted)
{
	struct tls *t = malloc(sizeof(*t));
	BIO *bio;

	if (t == NULL)
		return SMX_ENOMEM;
	memset(t, 0, offsetof(struct tls, in));
	t->context = context;
	t->wanted = wanted;
	t->peer = TLS_ANY;
	buf_init(&t->out, TLS_OUT_MAX);
	t->ssl = SSL_new(context->ctx);
	bio = BIO_new(context->bytes);
	if (t->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		tls_free(&t);
		return SMX_ENOMEM;
	}
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	*out = t;
	return SMX_OK;
}

int
tls_accept(struct tls **out, struct tls_context *context)
{
	int error = tls_new(out, context, TLS_ANY);

	if (error == SMX_OK)
		SSL_set_accept_state((*out)->ssl);
	return error;
}

int
tls_connect(struct tls **out, struct tls_context *context, size_t peer)
{
	int error = tls_new(out, context, peer);

	if (error == SMX_OK)
		SSL_set_connect_state((*out)->ssl);
	return error;
}

/* Names go into the greeting too (SNI); addresses have no place there. */
static int
names_set(SSL *ssl, const char *host, const char *also)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return SMX_OK;
	if (SSL_set_tlsext_host_name(ssl, host) != 1 ||
	    SSL_set1_host(ssl, host) != 1 ||
	    (also != NULL && SSL_add1_host(ssl, also) != 1))
		return SMX_ENOMEM;
	return SMX_OK;
}

int
tls_outside(struct tls **out, struct tls_context *context, const char *host,
    const char *also)
{
	int error = tls_new(out, context, TLS_ANY);

	if (error != SMX_OK)
		return error;
	SSL_set_connect_state((*out)->ssl);
	error = names_set((*out)->ssl, host, also);
	ERR_clear_error();
	if (error != SMX_OK)
		tls_free(out);
	return error;
}

void
tls_free(struct tls **tls)
{
	struct tls *t = *tls;

	if (t == NULL)
		return;
	SSL_free(t->ssl);
	buf_free(&t->out);
	free(t);
	*tls = NULL;
}

static void
reason_set(struct tls *t)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());

	if (t->stranger)
		text = "its key is not the pinned one";
	else if ((SSL_get_verify_mode(t->ssl) & SSL_VERIFY_PEER) != 0 &&
		 t->context->outside &&
		 SSL_get_verify_result(t->ssl) != X509_V_OK)
		text = X509_verify_cert_error_string(
		    SSL_get_verify_result(t->ssl));
	text_copy(t->reason, sizeof(t->reason), text != NULL ? text : "tls");
	ERR_clear_error();
}

int
tls_handshake(struct tls *tls)
{
	int n;

	ERR_clear_error();
	n = SSL_do_handshake(tls->ssl);
	if (n == 1) {
		if (tls->context->outside ||
		    (alpn_agreed(tls) && tls->peer != TLS_ANY))
			return SMX_OK;
		text_copy(tls->reason, sizeof(tls->reason),
		    "another protocol (ALPN)");
		return SMX_EPROTO;
	}
	if (SSL_get_error(tls->ssl, n) == SSL_ERROR_WANT_READ)
		return TLS_AGAIN;
	reason_set(tls);
	return tls->stranger ? SMX_EPERM : SMX_EPROTO;
}

size_t
tls_peer(const struct tls *tls)
{
	return tls->peer;
}

int
tls_certificates(const struct tls *tls, struct buf *out)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);

	if (chain == NULL || sk_X509_num(chain) == 0)
		return SMX_ENOTFOUND;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		unsigned char *der = NULL;
		int len = i2d_X509(sk_X509_value(chain, i), &der);

		if (len <= 0)
			return SMX_ENOMEM;
		(void)buf_add(out, der, (size_t)len);
		OPENSSL_free(der);
	}
	return buf_error(out);
}

const char *
tls_reason(const struct tls *tls)
{
	return tls->reason;
}

int
tls_write(struct tls *tls, const void *data, size_t len)
{
	size_t n;

	if (len == 0)
		return SMX_OK;
	ERR_clear_error();
	if (SSL_write_ex(tls->ssl, data, len, &n) == 1 && n == len)
		return SMX_OK;
	reason_set(tls);
	return SMX_EPROTO;
}

int
tls_read(struct tls *tls, void *out, size_t size, size_t *len)
{
	int why;

	ERR_clear_error();
	if (SSL_read_ex(tls->ssl, out, size, len) == 1)
		return SMX_OK;
	why = SSL_get_error(tls->ssl, 0);
	if (why == SSL_ERROR_WANT_READ)
		return TLS_AGAIN;
	if (why == SSL_ERROR_ZERO_RETURN)
		return SMX_ECLOSED;
	reason_set(tls);
	return SMX_EPROTO;
}
