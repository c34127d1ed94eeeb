/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/certcheck.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"

#define AGAIN_MS (INT64_C(3600) * 1000)

/* ---- who may sign ---- */

struct certtrust {
	char *ca;
	pthread_mutex_t lock;
	X509_STORE *store; /* under lock, as is the next; NULL: none yet */
	int64_t read_ms;
};

int
certtrust_new(struct certtrust **out, const char *ca)
{
	struct certtrust *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return SMX_ENOMEM;
	t->ca = strdup(ca);
	if (t->ca == NULL) {
		free(t);
		return SMX_ENOMEM;
	}
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return SMX_OK;
}

void
certtrust_free(struct certtrust **trust)
{
	struct certtrust *t = *trust;

	if (t == NULL)
		return;
	X509_STORE_free(t->store);
	pthread_mutex_destroy(&t->lock);
	free(t->ca);
	free(t);
	*trust = NULL;
}

static X509_STORE *
store_read(const char *ca)
{
	X509_STORE *store = X509_STORE_new();
	int read = store == NULL   ? 0
		   : ca[0] == '\0' ? X509_STORE_set_default_paths(store)
				   : X509_STORE_load_file(store, ca);

	if (read == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

/* Whoever gets one frees it.  What was read before is better than nothing. */
static X509_STORE *
trust_store(struct certtrust *t)
{
	int64_t now = clock_mono_ms();
	X509_STORE *store;

	pthread_mutex_lock(&t->lock);
	if (t->store == NULL || now >= t->read_ms + AGAIN_MS) {
		store = store_read(t->ca);
		if (store != NULL) {
			X509_STORE_free(t->store);
			t->store = store;
		}
		t->read_ms = now;
	}
	store = t->store;
	if (store != NULL && X509_STORE_up_ref(store) != 1)
		store = NULL;
	pthread_mutex_unlock(&t->lock);
	return store;
}

/* ---- what was shown ---- */

static void
chain_free(struct stack_st_X509 *list)
{
	sk_X509_pop_free(list, X509_free);
}

/* NULL: not one can be read. */
static struct stack_st_X509 *
chain_read(const struct certchain *chain)
{
	struct stack_st_X509 *list = sk_X509_new_null();
	const unsigned char *at = chain->der;
	const unsigned char *end = at + chain->len;

	while (list != NULL && at < end && end - at < LONG_MAX &&
	       sk_X509_num(list) < CERTCHECK_MAX) {
		X509 *one = d2i_X509(NULL, &at, (long)(end - at));

		if (one == NULL)
			break;
		if (sk_X509_push(list, one) <= 0) {
			X509_free(one);
			break;
		}
	}
	if (list != NULL && sk_X509_num(list) > 0)
		return list;
	chain_free(list);
	return NULL;
}

static int
params_set(X509_STORE_CTX *ctx, const char *host, const char *also)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	/* MTA-STS has no use for common names (RFC 8461 4.1), TLSA has */
	X509_VERIFY_PARAM_set_hostflags(param,
	    also != NULL ? 0 : X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_STORE_CTX_set_default(ctx, "ssl_server") == 1 &&
	       X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       (also == NULL ||
		   X509_VERIFY_PARAM_add1_host(param, also, 0) == 1);
}

/* *error: an X509_V_ code. */
static int
verify(X509_STORE *store, struct stack_st_X509 *list, const char *host,
    const char *also, int *error)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = SMX_ENOMEM;

	if (ctx != NULL &&
	    X509_STORE_CTX_init(ctx, store, sk_X509_value(list, 0), list) ==
		1 &&
	    params_set(ctx, host, also)) {
		rc = X509_verify_cert(ctx) == 1 ? SMX_OK : SMX_EREFUSED;
		*error = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	return rc;
}

int
certcheck_host(struct certtrust *trust, const struct certchain *chain,
    const char *host, char why[CERTCHECK_WHY])
{
	X509_STORE *store = trust_store(trust);
	struct stack_st_X509 *list = chain_read(chain);
	int error = X509_V_OK;
	int rc = store == NULL  ? SMX_ECONFIG
		 : list == NULL ? SMX_EPROTO
				: verify(store, list, host, NULL, &error);

	why[0] = '\0';
	if (rc == SMX_EREFUSED)
		(void)text_copy(why, CERTCHECK_WHY,
		    X509_verify_cert_error_string(error));
	chain_free(list);
	X509_STORE_free(store);
	return rc;
}

/* ---- TLSA ---- */

enum { USAGE_TA = 2, USAGE_EE = 3 };
enum { WHOLE = 0, KEY = 1 };
enum { BYTES = 0, SHA_256 = 1, SHA_512 = 2 };

int
certtlsa_is_usable(const struct certtlsa *record)
{
	return (record->usage == USAGE_TA || record->usage == USAGE_EE) &&
	       record->selector <= KEY && record->matching <= SHA_512 &&
	       record->len != 0;
}

static int
bytes_match(const struct certtlsa *record, const unsigned char *der, size_t len)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (record->matching == BYTES)
		return record->len == len &&
		       memcmp(record->data, der, len) == 0;
	if (EVP_Digest(der, len, sum, &n,
		record->matching == SHA_256 ? EVP_sha256() : EVP_sha512(),
		NULL) != 1)
		return 0;
	return record->len == n && memcmp(record->data, sum, n) == 0;
}

static int
matches(const struct certtlsa *record, X509 *certificate)
{
	unsigned char *der = NULL;
	int len =
	    record->selector == WHOLE
		? i2d_X509(certificate, &der)
		: i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	int found = len > 0 && bytes_match(record, der, (size_t)len);

	OPENSSL_free(der);
	return found;
}

/* The authority that a record names in full need not be shown. */
static X509 *
anchor_in(const struct certtlsa *record)
{
	const unsigned char *at = record->data;

	if (record->matching != BYTES || record->selector != WHOLE ||
	    record->len > LONG_MAX)
		return NULL;
	return d2i_X509(NULL, &at, (long)record->len);
}

/* Trusts the authorities that this record names, and nobody else. */
static X509_STORE *
anchors(const struct certtlsa *record, struct stack_st_X509 *list)
{
	X509_STORE *store = X509_STORE_new();
	X509 *whole = anchor_in(record);
	int any = 0;

	/* the host itself is none, nor is it below */
	if (store != NULL && whole != NULL &&
	    X509_cmp(whole, sk_X509_value(list, 0)) != 0)
		any = X509_STORE_add_cert(store, whole) == 1;
	X509_free(whole);
	for (int i = 1; store != NULL && i < sk_X509_num(list); i++)
		if (matches(record, sk_X509_value(list, i)))
			any |= X509_STORE_add_cert(store,
				   sk_X509_value(list, i)) == 1;
	/* an authority need not be at the top */
	if (any && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
		return store;
	X509_STORE_free(store);
	return NULL;
}

static int
authority_signs(const struct certtlsa *record, struct stack_st_X509 *list,
    const char *host, const char *also)
{
	X509_STORE *store = anchors(record, list);
	int error;
	int found =
	    store != NULL && verify(store, list, host, also, &error) == SMX_OK;

	X509_STORE_free(store);
	return found;
}

int
certcheck_tlsa(const struct certchain *chain, const char *host,
    const char *also, const struct certtlsa *records, size_t count)
{
	struct stack_st_X509 *list = chain_read(chain);
	int found = 0;

	if (list == NULL)
		return SMX_EPROTO;
	for (size_t i = 0; i < count && !found; i++) {
		const struct certtlsa *r = &records[i];

		if (!certtlsa_is_usable(r))
			continue;
		/* names and dates are not looked at (RFC 7672 3.1.1) */
		found = r->usage == USAGE_EE
			    ? matches(r, sk_X509_value(list, 0))
			    : authority_signs(r, list, host, also);
	}
	chain_free(list);
	return found ? SMX_OK : SMX_EREFUSED;
}
