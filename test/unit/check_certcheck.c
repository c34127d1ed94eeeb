/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/certcheck.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "io/stsfetch.h"

/* ---- certificates, made by openssl(1) ---- */

static char folder[64];

/* ca signs sub, which signs leaf and wild; other is by itself. */
enum who { CA, SUB, LEAF, WILD, OTHER, ALL };
static const struct {
	const char *name, *by, *extensions;
} made[ALL] = {
	[CA] = { "ca", NULL, "basicConstraints=critical,CA:TRUE" },
	[SUB] = { "sub", "ca", "basicConstraints=critical,CA:TRUE" },
	[LEAF] = { "leaf", "sub", "subjectAltName=DNS:mx2.example" },
	[WILD] = { "wild", "sub", "subjectAltName=DNS:*.w.example" },
	[OTHER] = { "other", NULL, "subjectAltName=DNS:mx2.example" },
};

struct bytes {
	unsigned char data[4096];
	size_t len;
};
static struct bytes der[ALL], key[ALL]; /* key: SubjectPublicKeyInfo */

static const char *
path(const char *name, const char *end)
{
	static char names[16][96];
	static unsigned n;
	char *out = names[n++ % 16];

	snprintf(out, sizeof(*names), "%s/%s%s", folder, name, end);
	return out;
}

static void
openssl(char *const argv[])
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) != NULL)
			execvp("openssl", argv);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
slurp(struct bytes *out, const char *name)
{
	FILE *f = fopen(name, "r");

	ck_assert_ptr_nonnull(f);
	out->len = fread(out->data, 1, sizeof(out->data), f);
	fclose(f);
	ck_assert_uint_gt(out->len, 0);
}

#define ARG(text) ((char *)(uintptr_t)(text))

static void
make(enum who who)
{
	const char *name = made[who].name, *by = made[who].by;
	char subject[64];
	char *argv[32] = { ARG("openssl"), ARG("req"), ARG("-x509"),
		ARG("-config"), ARG(path("conf", "")), ARG("-newkey"),
		ARG("ec"), ARG("-pkeyopt"), ARG("ec_paramgen_curve:P-256"),
		ARG("-nodes"), ARG("-days"), ARG("2"), ARG("-subj"), subject,
		ARG("-addext"), ARG(made[who].extensions), ARG("-keyout"),
		ARG(path(name, ".key")), ARG("-out"), ARG(path(name, ".pem")) };
	char *to_der[] = { ARG("openssl"), ARG("x509"), ARG("-in"),
		ARG(path(name, ".pem")), ARG("-outform"), ARG("DER"),
		ARG("-out"), ARG(path(name, ".der")), NULL };
	char *to_key[] = { ARG("openssl"), ARG("pkey"), ARG("-in"),
		ARG(path(name, ".key")), ARG("-pubout"), ARG("-outform"),
		ARG("DER"), ARG("-out"), ARG(path(name, ".pub")), NULL };

	/* the common name is one that nobody is to look at */
	snprintf(subject, sizeof(subject), "/CN=%s.common.example", name);
	if (by != NULL) {
		argv[20] = ARG("-CA");
		argv[21] = ARG(path(by, ".pem"));
		argv[22] = ARG("-CAkey");
		argv[23] = ARG(path(by, ".key"));
	}
	openssl(argv);
	openssl(to_der);
	openssl(to_key);
	slurp(&der[who], path(name, ".der"));
	slurp(&key[who], path(name, ".pub"));
}

static void
setup(void)
{
	FILE *conf;

	snprintf(folder, sizeof(folder), "/tmp/check_certcheck.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	conf = fopen(path("conf", ""), "w");
	ck_assert_ptr_nonnull(conf);
	fputs("[req]\ndistinguished_name = dn\n[dn]\n", conf);
	fclose(conf);
	for (int i = 0; i < ALL; i++)
		make((enum who)i);
}

static void
teardown(void)
{
	static const char *const ends[] = { ".key", ".pem", ".der", ".pub" };

	for (int i = 0; i < ALL; i++)
		for (size_t k = 0; k < 4; k++)
			unlink(path(made[i].name, ends[k]));
	unlink(path("conf", ""));
	rmdir(folder);
}

/* Exactly so long, for the sanitizer's sake. */
static struct certchain chain;

static void
shown(int count, ...)
{
	unsigned char *all = NULL;
	va_list ap;

	free((void *)(uintptr_t)chain.der);
	chain.len = 0;
	va_start(ap, count);
	for (; count > 0; count--) {
		const struct bytes *one = &der[va_arg(ap, int)];

		all = realloc(all, chain.len + one->len);
		ck_assert_ptr_nonnull(all);
		memcpy(all + chain.len, one->data, one->len);
		chain.len += one->len;
	}
	va_end(ap);
	chain.der = all;
}

/* ---- authorities ---- */

static char why[CERTCHECK_WHY];

static int
host_is(const char *ca, const char *host)
{
	struct certtrust *trust;
	int rc;

	ck_assert_int_eq(certtrust_new(&trust, ca), SMX_OK);
	rc = certcheck_host(trust, &chain, host, why);
	/* from what is remembered */
	ck_assert_int_eq(certcheck_host(trust, &chain, host, why), rc);
	certtrust_free(&trust);
	ck_assert_int_eq(rc == SMX_EREFUSED, why[0] != '\0');
	return rc;
}

START_TEST(host_is_who_an_authority_says)
{
	const char *ca = path("ca", ".pem");

	shown(2, LEAF, SUB);
	ck_assert_int_eq(host_is(ca, "mx2.example"), SMX_OK);
	ck_assert_int_eq(host_is(ca, "MX2.example"), SMX_OK);
	ck_assert_int_eq(host_is(ca, "mx1.example"), SMX_EREFUSED);
	ck_assert_ptr_nonnull(strstr(why, "ostname mismatch"));
	ck_assert_int_eq(host_is(ca, "leaf.common.example"), SMX_EREFUSED);
	shown(3, LEAF, SUB, CA);
	ck_assert_int_eq(host_is(ca, "mx2.example"), SMX_OK);
	/* what is between them is missing */
	shown(1, LEAF);
	ck_assert_int_eq(host_is(ca, "mx2.example"), SMX_EREFUSED);
	shown(2, WILD, SUB);
	ck_assert_int_eq(host_is(ca, "mx2.w.example"), SMX_OK);
	ck_assert_int_eq(host_is(ca, "a.mx2.w.example"), SMX_EREFUSED);
	/* its own word */
	shown(1, OTHER);
	ck_assert_int_eq(host_is(ca, "mx2.example"), SMX_EREFUSED);
	ck_assert_ptr_nonnull(strstr(why, "self"));
}
END_TEST

START_TEST(what_cannot_be_read_is_told)
{
	shown(1, LEAF);
	ck_assert_int_eq(host_is(path("none", ""), "mx2.example"), SMX_ECONFIG);
	ck_assert_int_eq(host_is(path("leaf", ".der"), "mx2.example"),
	    SMX_ECONFIG);
	chain.len = 0;
	ck_assert_int_eq(host_is(path("ca", ".pem"), "mx2.example"),
	    SMX_EPROTO);
	for (size_t n = 1; n < der[LEAF].len; n += 7) {
		chain.len = n;
		ck_assert_int_eq(host_is(path("ca", ".pem"), "mx2.example"),
		    SMX_EPROTO);
	}
}
END_TEST

/* ---- TLSA ---- */

static struct certtlsa record;

static void
tlsa(unsigned usage, unsigned selector, unsigned matching, enum who who)
{
	static unsigned char data[4096];
	const struct bytes *of = selector == 0 ? &der[who] : &key[who];
	unsigned n = 0;

	record = (struct certtlsa){ .usage = usage,
		.selector = selector,
		.matching = matching,
		.data = data };
	if (matching == 0) {
		memcpy(data, of->data, of->len);
		record.len = of->len;
		return;
	}
	ck_assert_int_eq(EVP_Digest(of->data, of->len, data, &n,
			     matching == 1 ? EVP_sha256() : EVP_sha512(), NULL),
	    1);
	record.len = n;
}

static int
fits(const char *host)
{
	return certcheck_tlsa(&chain, host, "domain.example", &record, 1) ==
	       SMX_OK;
}

/* Each way to write it: 3 x y and 2 x y. */
START_TEST(record_names_what_is_shown)
{
	unsigned selector = (unsigned)_i / 3, matching = (unsigned)_i % 3;

	shown(2, LEAF, SUB);
	tlsa(3, selector, matching, LEAF);
	ck_assert_int_ne(certtlsa_is_usable(&record), 0);
	ck_assert(fits("mx2.example"));
	/* of the host itself, neither names nor others */
	ck_assert(fits("unheard.example"));
	tlsa(3, selector, matching, SUB);
	ck_assert(!fits("mx2.example"));
	tlsa(3, selector, matching, OTHER);
	ck_assert(!fits("mx2.example"));

	tlsa(2, selector, matching, SUB);
	ck_assert(fits("mx2.example"));
	ck_assert(!fits("unheard.example"));
	/* an authority is not the host itself */
	tlsa(2, selector, matching, LEAF);
	ck_assert(!fits("mx2.example"));
	/* one that is not shown can be named in full only */
	tlsa(2, selector, matching, CA);
	ck_assert_int_eq(fits("mx2.example"), selector == 0 && matching == 0);
	shown(3, LEAF, SUB, CA);
	ck_assert(fits("mx2.example"));
	/* shown, but it has signed nothing */
	shown(3, OTHER, SUB, CA);
	tlsa(2, selector, matching, SUB);
	ck_assert(!fits("mx2.example"));
}
END_TEST

/* One bit, one byte less. */
START_TEST(nearly_the_same_is_another)
{
	unsigned selector = (unsigned)_i / 3, matching = (unsigned)_i % 3;

	shown(2, LEAF, SUB);
	tlsa(3, selector, matching, LEAF);
	record.len--;
	ck_assert(!fits("mx2.example"));
	record.len++;
	((unsigned char *)(uintptr_t)record.data)[record.len / 2] ^= 1;
	ck_assert(!fits("mx2.example"));
}
END_TEST

START_TEST(domain_is_a_name_too)
{
	shown(2, LEAF, SUB);
	tlsa(2, 0, 1, SUB);
	ck_assert_int_eq(certcheck_tlsa(&chain, "a.example", "mx2.example",
			     &record, 1),
	    SMX_OK);
}
END_TEST

START_TEST(any_of_them_will_do)
{
	struct certtlsa records[3];

	shown(2, LEAF, SUB);
	tlsa(3, 1, 1, LEAF);
	memset(records, 0, sizeof(records));
	records[1] = (struct certtlsa){ .usage = 3, .selector = 9 };
	records[2] = record;
	ck_assert_int_eq(certcheck_tlsa(&chain, "mx2.example", NULL, records,
			     3),
	    SMX_OK);
	ck_assert_int_eq(certcheck_tlsa(&chain, "mx2.example", NULL, records,
			     2),
	    SMX_EREFUSED);
	ck_assert_int_eq(certcheck_tlsa(&chain, "mx2.example", NULL, NULL, 0),
	    SMX_EREFUSED);
	chain.len = 1;
	ck_assert_int_eq(certcheck_tlsa(&chain, "mx2.example", NULL, records,
			     3),
	    SMX_EPROTO);
}
END_TEST

/* RFC 7672 3.1.3: 0 and 1 are none of mail's. */
START_TEST(usages_of_others_are_of_no_use)
{
	shown(2, LEAF, SUB);
	for (unsigned usage = 0; usage < 256; usage++) {
		tlsa(usage, 1, 1, LEAF);
		ck_assert_int_eq(certtlsa_is_usable(&record),
		    usage == 2 || usage == 3);
		ck_assert_int_eq(fits("mx2.example"), usage == 3);
	}
	tlsa(3, 1, 1, LEAF);
	record.selector = 2;
	ck_assert_int_eq(certtlsa_is_usable(&record), 0);
	ck_assert(!fits("mx2.example"));
	tlsa(3, 1, 1, LEAF);
	record.matching = 3;
	ck_assert_int_eq(certtlsa_is_usable(&record), 0);
	ck_assert(!fits("mx2.example"));
	tlsa(3, 1, 1, LEAF);
	record.len = 0;
	ck_assert_int_eq(certtlsa_is_usable(&record), 0);
}
END_TEST

START_TEST(authority_that_is_no_certificate)
{
	shown(2, LEAF, SUB);
	tlsa(2, 0, 0, SUB);
	record.len = 20;
	ck_assert(!fits("mx2.example"));
}
END_TEST

/* ---- where a policy is ---- */

START_TEST(domain_cannot_lead_elsewhere)
{
	static const char *const bad[] = { "", ".example", "a/b.example",
		"a@b.example", "a:80", "a b", "a?b", "a#b", "[192.0.2.1]",
		"a%2eb", "a\\b", "a\nb" };
	char host[256], name[300];

	ck_assert_int_eq(stsfetch_host(host, sizeof(host), "Example.ORG"),
	    SMX_OK);
	ck_assert_str_eq(host, "mta-sts.Example.ORG");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(stsfetch_host(host, sizeof(host), bad[i]),
		    SMX_EINVAL);
	memset(name, 'a', sizeof(name));
	name[250] = '\0';
	ck_assert_int_eq(stsfetch_host(host, sizeof(host), name), SMX_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("certcheck");
	TCase *c = tcase_create("certificates");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, host_is_who_an_authority_says);
	tcase_add_test(c, what_cannot_be_read_is_told);
	tcase_add_loop_test(c, record_names_what_is_shown, 0, 6);
	tcase_add_loop_test(c, nearly_the_same_is_another, 0, 6);
	tcase_add_test(c, domain_is_a_name_too);
	tcase_add_test(c, any_of_them_will_do);
	tcase_add_test(c, usages_of_others_are_of_no_use);
	tcase_add_test(c, authority_that_is_no_certificate);
	tcase_add_test(c, domain_cannot_lead_elsewhere);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
