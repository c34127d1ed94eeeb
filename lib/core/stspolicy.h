/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_STSPOLICY_H
#define CORE_STSPOLICY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * The policy of a domain whose MX hosts are to be spoken to by authenticated
 * TLS only (MTA-STS, RFC 8461 3.2): "version: STSv1", "mode: enforce", "mx:
 * *.example.org", "max_age: 604800", a line each.
 */
#define STSPOLICY_BYTES   65536 /* no longer one is read */
#define STSPOLICY_MX      64
#define STSPOLICY_NAME    256
#define STSPOLICY_WHY     120
#define STSPOLICY_AGE_MAX 31557600 /* seconds; what is more counts as this */

enum stspolicy_mode { STS_NONE = 0, STS_TESTING, STS_ENFORCE };

struct stspolicy {
	enum stspolicy_mode mode;
	int64_t max_age_s;
	size_t mx_count;
	/* small letters; "*.": any one label in its place */
	char mx[STSPOLICY_MX][STSPOLICY_NAME];
};

/* SMX_EINVAL: it is none, with a sentence in why; then *out is of no use. */
int stspolicy_parse(struct stspolicy *out, const char *text, size_t len,
    char why[STSPOLICY_WHY]) SMX_MUST_USE;
/* Non-zero: a host of this name is one of its (RFC 8461 4.1). */
int stspolicy_names(const struct stspolicy *policy, const char *host);
/* "enforce", "testing", "none" */
const char *stspolicy_mode_word(enum stspolicy_mode mode);

#endif
