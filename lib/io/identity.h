/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_IDENTITY_H
#define IO_IDENTITY_H

#include <stddef.h>

#include <shadowmx/identity.h>

/* OpenSSL's own names for its types, so that its headers stay in their files */
struct x509_st;
struct evp_pkey_st;

/* A private key, and a certificate around it made a moment ago: peers look at
 * the key alone. */
struct identity {
	struct evp_pkey_st *key;
	struct x509_st *certificate;
	char pin[SMX_PIN_TEXT];
};

int identity_load(struct identity *out, const char *path, char *why,
    size_t why_size) SMX_MUST_USE;
void identity_free(struct identity *identity);

/* The pin of a certificate's key. */
int identity_pin_of(const struct x509_st *certificate, char pin[SMX_PIN_TEXT]);

/* A sentence for people; why may be NULL. */
void why_set(char *why, size_t size, const char *fmt, ...) SMX_PRINTF(3, 4);

#endif
