/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_world.h"

/*
 * Every allocation may fail: the same message with the n-th one refused, for
 * every n.  Linked with -Wl,--wrap for malloc, calloc, realloc and strdup, so
 * that all of the library's go through here.
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);

static int watching;
static long calls;
static long fail_at; /* 0: never */
static size_t asked;

static int
refused(size_t size)
{
	if (!watching || world.own > 0)
		return 0;
	asked += size;
	return ++calls == fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return refused(size) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return refused(count * size) ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return refused(size) ? NULL : __real_realloc(old, size);
}

char *
__wrap_strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = __wrap_malloc(len + 1);

	if (copy != NULL) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

char *
__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

static int
one_message(struct smx_session *session, struct smx_verdict *verdict)
{
	static const char *const params[] = { "SIZE=1", "BODY=8BITMIME" };
	static char body[6000];
	int rc;

	memset(verdict, 0, sizeof(*verdict));
	rc = smx_session_auth(session, "PLAIN", "user");
	if (rc == SMX_OK)
		rc = smx_session_mail(session, "<a@x>", params, 2);
	if (rc != SMX_OK)
		return rc;
	rc = smx_session_rcpt(session, "<ok@x>", params, 1);
	if (rc != SMX_OK)
		return rc;
	if (smx_session_header(session, "Subject", " x") != SMX_OK ||
	    smx_session_end_of_header(session) != SMX_OK ||
	    smx_session_body(session, body, sizeof(body)) != SMX_OK)
		rc = SMX_OK; /* told at the end */
	(void)smx_session_end(session, NULL, NULL, verdict);
	return rc;
}

/* Check allocates as well: watch only while the session is at work. */
static int
conversation(struct smx_verdict *verdict)
{
	const struct smx_session_client client = { "client.example",
		"192.0.2.7", 25, "smtpd" };
	struct smx_session *session = NULL;
	int rc;

	watching = 1;
	rc = smx_session_new(&session, world_engine(), &client);
	if (rc == SMX_OK)
		rc = smx_session_helo(session, "client.example");
	if (rc == SMX_OK)
		rc = one_message(session, verdict);
	smx_session_free(&session);
	watching = 0;
	return rc;
}

START_TEST(an_allocation_that_fails_is_a_temporary_refusal)
{
	struct smx_verdict verdict;
	long total;

	world_reset();
	ck_assert_int_eq(conversation(&verdict), SMX_OK);
	total = calls;
	ck_assert_int_eq(verdict.accept, 1);
	ck_assert_int_gt(total, 10);
	for (fail_at = 1; fail_at <= total; fail_at++) {
		int rc;

		world_reset();
		calls = 0;
		memset(&verdict, 0, sizeof(verdict));
		rc = conversation(&verdict);
		if (rc != SMX_OK)
			ck_assert_int_eq(rc, SMX_ENOMEM);
		else if (!verdict.accept)
			ck_assert_int_eq(verdict.code[0], '4');
		ck_assert_int_eq(world.configs, 0);
		ck_assert_int_eq(world.held, 0);
	}
	world_free();
}
END_TEST

START_TEST(an_idle_session_is_small)
{
	const struct smx_session_client client = { "client.example",
		"192.0.2.7", 25, "smtpd" };
	struct smx_session *session = NULL;
	int rc;

	world_reset();
	watching = 1;
	rc = smx_session_new(&session, world_engine(), &client);
	if (rc == SMX_OK)
		rc = smx_session_helo(session, "client.example");
	watching = 0;
	ck_assert_int_eq(rc, SMX_OK);
	ck_assert_uint_lt(asked, 4096);
	smx_session_free(&session);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session_memory");
	TCase *tc = tcase_create("memory");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_test(tc, an_allocation_that_fails_is_a_temporary_refusal);
	tcase_add_test(tc, an_idle_session_is_small);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
