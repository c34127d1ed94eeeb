/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shadowmx/identity.h>

#include "io/identity.h"

static char folder[64];
static char path[96];
static char why[256];

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/smxid.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/node.key", folder);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(folder);
}

START_TEST(a_new_key_is_private_and_has_a_pin)
{
	char pin[SMX_PIN_TEXT], again[SMX_PIN_TEXT];
	struct stat st;

	umask(0);
	ck_assert_int_eq(smx_identity_generate(path, why, sizeof(why)), SMX_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(smx_identity_pin(path, pin, why, sizeof(why)), SMX_OK);
	ck_assert_int_eq(smx_pin_check(pin), SMX_OK);
	ck_assert_int_eq(smx_identity_pin(path, again, NULL, 0), SMX_OK);
	ck_assert_str_eq(pin, again);
}
END_TEST

START_TEST(a_key_is_never_overwritten)
{
	char before[SMX_PIN_TEXT], after[SMX_PIN_TEXT];

	ck_assert_int_eq(smx_identity_generate(path, NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_identity_pin(path, before, NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_identity_generate(path, why, sizeof(why)),
	    SMX_EEXIST);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_int_eq(smx_identity_pin(path, after, NULL, 0), SMX_OK);
	ck_assert_str_eq(before, after);
}
END_TEST

static const mode_t open_modes[] = { 0640, 0604, 0660, 0644, 0610, 0601, 0777 };

START_TEST(a_key_that_others_may_read_is_refused)
{
	char pin[SMX_PIN_TEXT];

	ck_assert_int_eq(smx_identity_generate(path, NULL, 0), SMX_OK);
	ck_assert_int_eq(chmod(path, open_modes[_i]), 0);
	ck_assert_int_eq(smx_identity_pin(path, pin, why, sizeof(why)),
	    SMX_EPERM);
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_int_eq(smx_identity_pin(path, pin, NULL, 0), SMX_OK);
}
END_TEST

/* The pin that "openssl pkey -pubout -outform der | openssl dgst -sha256
 * -binary | base64" gives for this key. */
START_TEST(the_pin_is_that_of_rfc_7469)
{
	static const char pem[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyraansJIo7b5vSqc\n"
	    "lwH5GOCpvtOI4llgcHGzeFQ01kyhRANCAASNbGGt58sdk7YcmPzYgbHRE5ZBW/FL\n"
	    "lcr9hPafN13JHm+9vRUYZq895WBNRa+/q/viZ/OBnB1i9/+vmEFQGTSN\n"
	    "-----END PRIVATE KEY-----\n";
	char pin[SMX_PIN_TEXT];
	FILE *f;

	umask(077);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(pem, f);
	fclose(f);
	ck_assert_int_eq(smx_identity_pin(path, pin, why, sizeof(why)), SMX_OK);
	ck_assert_str_eq(pin,
	    "sha256/JoslnFasdNvEGweFEz2FCkcRslFKNExRbzqtldY+4SU=");
}
END_TEST

static const char *const not_keys[] = { "", "hello\n",
	"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };

START_TEST(what_is_no_key_is_refused)
{
	char pin[SMX_PIN_TEXT];
	FILE *f;

	umask(077);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(not_keys[_i], f);
	fclose(f);
	ck_assert_int_eq(smx_identity_pin(path, pin, why, sizeof(why)),
	    SMX_EINVAL);
	ck_assert_ptr_nonnull(strstr(why, path));
}
END_TEST

START_TEST(a_missing_key_is_not_found)
{
	char pin[SMX_PIN_TEXT];

	ck_assert_int_eq(smx_identity_pin(path, pin, why, sizeof(why)),
	    SMX_ENOTFOUND);
}
END_TEST

static const struct {
	const char *text;
	int result;
} pins[] = {
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SMX_OK },
	{ "sha256/+/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=", SMX_OK },
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", SMX_EINVAL },
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SMX_EINVAL },
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", SMX_EINVAL },
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", SMX_EINVAL },
	{ "sha512/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", SMX_EINVAL },
	{ "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA AAA=", SMX_EINVAL },
	{ "sha256/...", SMX_EINVAL },
	{ "", SMX_EINVAL },
};

START_TEST(only_a_pin_has_the_form_of_a_pin)
{
	ck_assert_int_eq(smx_pin_check(pins[_i].text), pins[_i].result);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("identity");
	TCase *tc = tcase_create("key");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_new_key_is_private_and_has_a_pin);
	tcase_add_test(tc, a_key_is_never_overwritten);
	tcase_add_loop_test(tc, a_key_that_others_may_read_is_refused, 0,
	    sizeof(open_modes) / sizeof(*open_modes));
	tcase_add_test(tc, the_pin_is_that_of_rfc_7469);
	tcase_add_loop_test(tc, what_is_no_key_is_refused, 0,
	    sizeof(not_keys) / sizeof(*not_keys));
	tcase_add_test(tc, a_missing_key_is_not_found);
	tcase_add_loop_test(tc, only_a_pin_has_the_form_of_a_pin, 0,
	    sizeof(pins) / sizeof(*pins));
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
