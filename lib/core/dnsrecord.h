/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_DNSRECORD_H
#define CORE_DNSRECORD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/dnsview.h"

/* A question to a name server and what it says to it, as bytes (RFC 1035 4). */
enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_TLSA = 52 /* RFC 6698 */
};

#define DNSRECORD_QUERY 300  /* bytes, of any question */
#define DNSRECORD_MAX   64   /* records that are looked at */
#define DNSRECORD_TEXT  128  /* the beginning of a TXT */
#define DNSRECORD_BYTES 8192 /* of all TLSA */

struct dnsrecord {
	unsigned preference;       /* MX */
	char name[DNSVIEW_NAME];   /* MX, NS: small letters; "": the root */
	unsigned char address[16]; /* A: four bytes */
	char text[DNSRECORD_TEXT]; /* TXT: '?' for what is not printable */
	unsigned usage, selector, matching; /* TLSA */
	size_t data, data_len; /* TLSA: in bytes; no length: no room for it */
};

struct dnsanswer {
	struct dnsrecord list[DNSRECORD_MAX];
	size_t count;
	unsigned char bytes[DNSRECORD_BYTES];
	size_t bytes_used;
	int secure;    /* the server says that it has verified all of it */
	int alias;     /* the name is another name's (CNAME) */
	int truncated; /* the rest is to be had by TCP */
};

/* Ask for a name in the Internet's class.  recursive: of a server that finds
 * out, else of one that has to know.  SMX_EINVAL: no name that can be asked
 * for. */
int dnsrecord_query(unsigned char out[DNSRECORD_QUERY], size_t *len,
    unsigned id, const char *name, enum dns_type type,
    int recursive) SMX_MUST_USE;

/* It is to say whether the answer is signed (RFC 6840 5.7). */
void dnsrecord_query_secure(unsigned char query[DNSRECORD_QUERY]);

/*
 * The answer to that question.  SMX_OK, also without a record of this type;
 * SMX_ENOTFOUND: there is no such name; SMX_ETEMP: the server says that it
 * cannot or does not want to tell, or sends one elsewhere; SMX_EPROTO: no
 * answer to this question, or none that can be read.
 */
int dnsrecord_parse(struct dnsanswer *out, const void *message, size_t len,
    unsigned id, const char *name, enum dns_type type) SMX_MUST_USE;

/* As names are compared: without regard to case. */
int dnsrecord_same_name(const char *a, const char *b);

#endif
