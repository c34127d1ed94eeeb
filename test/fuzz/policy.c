/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/stspolicy.h"

/* ---- the MTA-STS policy of any domain's web server ---- */

static void
policy_look(const struct stspolicy *p)
{
	fuzz_must(p->mx_count <= STSPOLICY_MX, "bounded");
	fuzz_must(p->mx_count != 0 || p->mode == STS_NONE, "somebody is named");
	fuzz_must(p->max_age_s >= 0 && p->max_age_s <= STSPOLICY_AGE_MAX,
	    "an age");
	for (size_t i = 0; i < p->mx_count; i++) {
		const char *mx = p->mx[i];

		fuzz_must(memchr(mx, '\0', STSPOLICY_NAME) != NULL,
		    "a name ends");
		if (mx[0] != '*')
			fuzz_must(stspolicy_names(p, mx),
			    "it names whom it names");
		else
			mx++;
		for (; *mx != '\0'; mx++)
			fuzz_must(*mx > ' ' && *mx <= '~' && *mx != '*' &&
				      (*mx < 'A' || *mx > 'Z'),
			    "a name in small letters");
	}
	(void)stspolicy_names(p, "mx1.example.org");
}

static void
policy_run(const char *data, size_t len)
{
	static struct stspolicy policy;
	char why[STSPOLICY_WHY];
	char *copy = malloc(len + (len == 0));
	int rc;

	fuzz_must(copy != NULL, "memory");
	memcpy(copy, data, len);
	rc = stspolicy_parse(&policy, copy, len, why);
	free(copy);
	fuzz_must(memchr(why, '\0', sizeof(why)) != NULL, "a sentence ends");
	fuzz_must((rc == SMX_OK) == (why[0] == '\0'), "a sentence, or none");
	if (rc == SMX_OK)
		policy_look(&policy);
	fuzz_saw(rc != SMX_OK ? 1
			      : 2 + (unsigned)policy.mode +
				    10u * (unsigned)policy.mx_count);
}

static const char *const policy_seeds[] = {
	"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\n"
	"mx: *.example.net\r\nmax_age: 604800\r\n",
	"version: STSv1\nmode: testing\nmx: a.b\nmax_age: 1\nx-y: z\n",
	"version:STSv1\nmode:none\nmax_age:31557600", NULL
};
static const char *const policy_words[] = { "version: STSv1\n",
	"mode: ", "enforce", "testing", "none", "mx: ", "*.",
	"max_age: ", "9999999999", "\r\n", "\n", "\t", ":", NULL };

const struct fuzz_target fuzz_policy = { "policy", policy_run, policy_seeds,
	policy_words };
