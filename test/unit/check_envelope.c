/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>

#include "core/envelope.h"

static struct smx_envelope *
fresh(void)
{
	struct smx_envelope *e;

	ck_assert_int_eq(smx_envelope_new(&e, 0), SMX_OK);
	return e;
}

static void
assert_same(const struct smx_envelope *a, const struct smx_envelope *b)
{
	const char *const *pa, *const *pb;

	for (int i = 0; i < SMX_FIELDS; i++)
		ck_assert_str_eq(smx_envelope_get(a, (enum smx_field)i),
		    smx_envelope_get(b, (enum smx_field)i));
	ck_assert_str_eq(smx_envelope_sender(a), smx_envelope_sender(b));
	ck_assert_uint_eq(smx_envelope_mail_params(a, &pa),
	    smx_envelope_mail_params(b, &pb));
	for (size_t i = 0; i < smx_envelope_mail_params(a, &pa); i++)
		ck_assert_str_eq(pa[i], pb[i]);
	ck_assert_uint_eq(smx_envelope_recipients(a),
	    smx_envelope_recipients(b));
	for (size_t r = 0; r < smx_envelope_recipients(a); r++) {
		size_t n = smx_envelope_rcpt_params(a, r, &pa);

		ck_assert_str_eq(smx_envelope_recipient(a, r),
		    smx_envelope_recipient(b, r));
		ck_assert_uint_eq(n, smx_envelope_rcpt_params(b, r, &pb));
		for (size_t i = 0; i < n; i++)
			ck_assert_str_eq(pa[i], pb[i]);
	}
}

/* There and back; gives the text, which the caller frees. */
static char *
assert_survives(const struct smx_envelope *e)
{
	struct smx_envelope *back;
	size_t len, count;
	char *text;

	ck_assert_int_eq(smx_envelope_encode(e, &text, &len), SMX_OK);
	ck_assert_uint_eq(strlen(text), len);
	ck_assert_int_eq(smx_envelope_decode(text, len, 0, &back), SMX_OK);
	ck_assert_int_eq(envelope_check(text, len, 0, &count), SMX_OK);
	ck_assert_uint_eq(count, smx_envelope_recipients(e));
	assert_same(e, back);
	smx_envelope_free(&back);
	return text;
}

START_TEST(text_is_as_documented)
{
	static const char *const mail[] = { "SIZE=1000", "BODY=8BITMIME",
		"SMTPUTF8", "ENVID=a+b=c" };
	static const char *const rcpt[] = { "ORCPT=rfc822;x+2By@example.org" };
	struct smx_envelope *e = fresh();
	char *text;

	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_CLIENT_NAME,
			     "mail.example.org"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_AUTH_NAME, "a b"),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, "<me+tag@example.org>", mail, 4),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "<\"x y\"@ex\xc3\xa4mple.org>",
			     rcpt, 1),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "<b@c>", NULL, 0), SMX_OK);
	text = assert_survives(e);
	ck_assert_str_eq(text,
	    "CLIENT NAME=mail.example.org LOGIN=a+20b\r\n"
	    "MAIL <me+2Btag@example.org> SIZE=1000 BODY=8BITMIME SMTPUTF8 "
	    "ENVID=a+2Bb+3Dc\r\n"
	    "RCPT <\"x+20y\"@ex\xc3\xa4mple.org> "
	    "ORCPT=rfc822;x+2B2By@example.org\r\n"
	    "RCPT <b@c>\r\n");
	free(text);
	smx_envelope_free(&e);
}
END_TEST

/* _i is the byte. */
START_TEST(any_byte_survives_in_any_place_or_is_refused)
{
	char value[] = { 'a', (char)_i, 'z', '\0' };
	char tail[] = { 'K', '=', (char)_i, (char)_i, '\0' };
	char head[] = { (char)_i, '\0' };
	const char *params[] = { value, tail, head };
	int expect = _i == '\r' || _i == '\n' ? SMX_EINVAL : SMX_OK;
	struct smx_envelope *e = fresh();

	for (int f = 0; f < SMX_FIELDS; f++)
		ck_assert_int_eq(smx_envelope_set(e, (enum smx_field)f, value),
		    expect);
	ck_assert_int_eq(smx_envelope_mail(e, value, params, 3), expect);
	if (expect != SMX_OK)
		ck_assert_int_eq(smx_envelope_mail(e, "<>", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, head, params, 3), expect);
	ck_assert_int_eq(smx_envelope_rcpt(e, "x", params + 1, 2), expect);
	free(assert_survives(e));
	smx_envelope_free(&e);
}
END_TEST

/* _i is the byte, put raw and as +HH where a value stands: what encode does not
 * write is not read. */
START_TEST(one_value_has_one_text)
{
	static const char *const frames[] = { "CLIENT HELO=%s\r\nMAIL x\r\n",
		"CLIENT\r\nMAIL %s\r\n", "CLIENT\r\nMAIL x P=%s\r\n",
		"CLIENT\r\nMAIL x %s\r\n", "CLIENT\r\nMAIL x\r\nRCPT %s\r\n" };
	char forms[2][8] = { { 'a', (char)_i, 'b', '\0' }, "" };

	snprintf(forms[1], sizeof(forms[1]), "a+%02Xb", (unsigned)_i);
	for (size_t f = 0; f < sizeof(frames) / sizeof(*frames); f++)
		for (int k = 0; k < 2; k++) {
			const char *hole = strstr(frames[f], "%s");
			size_t at = (size_t)(hole - frames[f]);
			size_t n = k == 0 ? 3 : 5, len;
			struct smx_envelope *e;
			char text[128], *again;
			int result;

			memcpy(text, frames[f], at);
			memcpy(text + at, forms[k], n);
			strncpy(text + at + n, hole + 2, 64);
			len = strlen(hole + 2) + at + n;
			result = smx_envelope_decode(text, len, 0, &e);
			if (result != SMX_OK) {
				ck_assert_int_eq(result, SMX_EPROTO);
				continue;
			}
			ck_assert_int_eq(smx_envelope_encode(e, &again, NULL),
			    SMX_OK);
			ck_assert_uint_eq(strlen(again), len);
			ck_assert_mem_eq(again, text, len);
			free(again);
			smx_envelope_free(&e);
		}
}
END_TEST

static const char *const foreign[] = {
	"",
	"\r\n",
	"CLIENT",
	"CLIENT\r\n",
	"CLIENT\nMAIL x\n",
	"CLIENT\r\nMAIL x",
	"CLIENT\r\nMAIL x\r",
	"CLIENT \r\nMAIL x\r\n",
	"client\r\nMAIL x\r\n",
	"CLIENTS\r\nMAIL x\r\n",
	"CLIENT X=y\r\nMAIL x\r\n",
	"CLIENT HELO=\r\nMAIL x\r\n",
	"CLIENT HELO\r\nMAIL x\r\n",
	"CLIENT HELO=a NAME=b\r\nMAIL x\r\n",
	"CLIENT HELO=a HELO=a\r\nMAIL x\r\n",
	"CLIENT  HELO=a\r\nMAIL x\r\n",
	"MAIL x\r\n",
	"CLIENT\r\nMAIL\r\n",
	"CLIENT\r\nMAIL \r\n",
	"CLIENT\r\nMAIL x \r\n",
	"CLIENT\r\nMAIL x  y\r\n",
	"CLIENT\r\nMAIL x=y\r\n",
	"CLIENT\r\nMAIL x P=a=b\r\n",
	"CLIENT\r\nMAIL x P+3Da\r\n",
	"CLIENT\r\nMAIL x P+3Da=b\r\n",
	"CLIENT\r\nMAIL x+\r\n",
	"CLIENT\r\nMAIL x+2\r\n",
	"CLIENT\r\nMAIL x+2b\r\n",
	"CLIENT\r\nMAIL x+41\r\n",
	"CLIENT\r\nMAIL x+0D+0ARCPT\r\n",
	"CLIENT\r\nMAIL x+00\r\n",
	"CLIENT\r\nRCPT y\r\n",
	"CLIENT\r\nMAIL x\r\nMAIL y\r\n",
	"CLIENT\r\nMAIL x\r\nRCPT\r\n",
	"CLIENT\r\nMAIL x\r\nRCPT y\r\nCLIENT\r\n",
	"CLIENT\r\nMAIL x\r\nRCPT y\r\n\r\n",
	"CLIENT\r\nMAIL x 1 2 3 4 5 6 7 8 9 a b c d e f g h\r\n",
};

START_TEST(foreign_text_is_refused)
{
	struct smx_envelope *e = NULL;
	size_t len = strlen(foreign[_i]), count;

	ck_assert_int_eq(smx_envelope_decode(foreign[_i], len, 0, &e),
	    SMX_EPROTO);
	ck_assert_ptr_null(e);
	ck_assert_int_eq(envelope_check(foreign[_i], len, 0, &count),
	    SMX_EPROTO);
}
END_TEST

START_TEST(nul_in_the_text_is_refused)
{
	static const char text[] = "CLIENT\r\nMAIL a\0b\r\n";
	struct smx_envelope *e;

	ck_assert_int_eq(smx_envelope_decode(text, sizeof(text) - 1, 0, &e),
	    SMX_EPROTO);
}
END_TEST

START_TEST(limits_hold)
{
	char value[1000];
	const char *params[17];
	struct smx_envelope *e;

	memset(value, 'x', sizeof(value) - 1);
	value[999] = '\0';
	for (int i = 0; i < 17; i++)
		params[i] = "P=1";
	ck_assert_int_eq(smx_envelope_new(&e, 2), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "r", NULL, 0), SMX_ESTATE);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, value),
	    SMX_ELIMIT);
	ck_assert_int_eq(smx_envelope_mail(e, value, NULL, 0), SMX_ELIMIT);
	ck_assert_int_eq(smx_envelope_mail(e, "x", params, 17), SMX_ELIMIT);
	value[998] = '\0';
	params[0] = value;
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, value), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, value, params, 16), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, "x", NULL, 0), SMX_ESTATE);
	ck_assert_int_eq(smx_envelope_rcpt(e, "", NULL, 0), SMX_EINVAL);
	ck_assert_int_eq(smx_envelope_rcpt(e, "1", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "2", NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "3", NULL, 0), SMX_ELIMIT);
	free(assert_survives(e));
	smx_envelope_free(&e);
}
END_TEST

/* What the setters take, the text form can say: hostile lengths included. */
START_TEST(what_is_set_can_be_said)
{
	char value[999];
	const char *params[16];
	struct smx_envelope *e = fresh();
	int set = 0;

	memset(value, '+', 998);
	value[998] = '\0';
	for (int i = 0; i < 16; i++)
		params[i] = value;
	for (int i = 0; i < SMX_FIELDS; i++)
		set += smx_envelope_set(e, (enum smx_field)i, value) == SMX_OK;
	ck_assert_int_eq(set, 6); /* of 3 KB each in 20 KiB */
	ck_assert_int_eq(smx_envelope_mail(e, value, params, 16), SMX_ELIMIT);
	ck_assert_int_eq(smx_envelope_mail(e, value, params, 5), SMX_OK);
	free(assert_survives(e));
	smx_envelope_free(&e);
}
END_TEST

START_TEST(reset_forgets_the_message_and_keeps_the_client)
{
	struct smx_envelope *e = fresh();

	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, "h"), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, "", NULL, 0), SMX_OK);
	ck_assert_str_eq(smx_envelope_sender(e), "<>");
	ck_assert_int_eq(smx_envelope_rcpt(e, "r", NULL, 0), SMX_OK);
	smx_envelope_reset(e);
	ck_assert_ptr_null(smx_envelope_sender(e));
	ck_assert_uint_eq(smx_envelope_recipients(e), 0);
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_HELO), "h");
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, NULL), SMX_OK);
	ck_assert_str_eq(smx_envelope_get(e, SMX_FIELD_HELO), "");
	smx_envelope_free(&e);
	smx_envelope_free(&e);
}
END_TEST

static uint32_t
dice(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

START_TEST(damaged_text_is_refused_or_means_itself)
{
	static const char good[] =
	    "CLIENT NAME=mail.example.org ADDR=192.0.2.7 HELO=a+20b LOGIN=x\r\n"
	    "MAIL <me+2Btag@example.org> SIZE=1000 ENVID=a+2Bb+3Dc\r\n"
	    "RCPT <a@b> NOTIFY=NEVER\r\nRCPT <c@d>\r\n";
	uint32_t state = 20261122;
	int accepted = 0;

	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)], *again;
		size_t len = sizeof(good) - 1, count, n;
		struct smx_envelope *e;

		memcpy(text, good, sizeof(good));
		for (uint32_t k = 1 + dice(&state) % 3; k != 0; k--) {
			size_t at = dice(&state) % len;

			if (dice(&state) % 4 == 0)
				memmove(text + at, text + at + 1, len-- - at);
			else
				text[at] = (char)dice(&state);
		}
		if (smx_envelope_decode(text, len, 0, &e) != SMX_OK) {
			ck_assert_int_ne(envelope_check(text, len, 0, &count),
			    SMX_OK);
			continue;
		}
		accepted++;
		ck_assert_int_eq(envelope_check(text, len, 0, &count), SMX_OK);
		ck_assert_int_eq(smx_envelope_encode(e, &again, &n), SMX_OK);
		ck_assert_uint_eq(n, len);
		ck_assert_mem_eq(again, text, len);
		free(again);
		smx_envelope_free(&e);
	}
	ck_assert_int_gt(accepted, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("envelope");
	TCase *tc = tcase_create("text");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, text_is_as_documented);
	tcase_add_loop_test(tc, any_byte_survives_in_any_place_or_is_refused, 1,
	    256);
	tcase_add_loop_test(tc, one_value_has_one_text, 0, 256);
	tcase_add_loop_test(tc, foreign_text_is_refused, 0,
	    sizeof(foreign) / sizeof(*foreign));
	tcase_add_test(tc, nul_in_the_text_is_refused);
	tcase_add_test(tc, limits_hold);
	tcase_add_test(tc, what_is_set_can_be_said);
	tcase_add_test(tc, reset_forgets_the_message_and_keeps_the_client);
	tcase_add_test(tc, damaged_text_is_refused_or_means_itself);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
