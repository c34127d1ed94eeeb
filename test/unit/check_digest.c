/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "io/digest.h"

/* FIPS 180-2, appendix B, and the empty message. */
static const struct {
	const char *text;
	const char *sum;
} known[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb924"
	      "27ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223"
		 "b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
};

START_TEST(sum_is_the_published_one)
{
	uint8_t sum[SMX_DIGEST_BYTES];
	char hex[2 * SMX_DIGEST_BYTES + 1];

	ck_assert_int_eq(digest_once(known[_i].text, strlen(known[_i].text),
			     sum),
	    SMX_OK);
	hex_format(sum, sizeof(sum), hex);
	ck_assert_str_eq(hex, known[_i].sum);
}
END_TEST

START_TEST(pieces_make_no_difference_and_it_begins_anew)
{
	uint8_t whole[SMX_DIGEST_BYTES], pieces[SMX_DIGEST_BYTES];
	struct digest *digest = NULL;
	char text[1000];

	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(digest_once(text, sizeof(text), whole), SMX_OK);
	ck_assert_int_eq(digest_new(&digest), SMX_OK);
	for (int round = 0; round < 2; round++) {
		size_t step = round == 0 ? 1 : 333;

		for (size_t at = 0; at < sizeof(text); at += step)
			digest_add(digest, text + at,
			    at + step > sizeof(text) ? sizeof(text) - at
						     : step);
		ck_assert_int_eq(digest_end(digest, pieces), SMX_OK);
		ck_assert_mem_eq(whole, pieces, sizeof(whole));
	}
	digest_free(&digest);
	ck_assert_ptr_null(digest);
	digest_free(&digest);
}
END_TEST

struct source {
	const char *bytes;
	int result;
};

static int
source_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct source *source = ctx;

	memcpy(buf, source->bytes + offset, len);
	return source->result;
}

START_TEST(content_is_read_in_pieces_and_its_trouble_is_told)
{
	size_t size = 200001;
	char *bytes = malloc(size);
	struct source source = { bytes, SMX_OK };
	struct smx_content content = { &source, size, NULL, source_read };
	uint8_t one[SMX_DIGEST_BYTES], other[SMX_DIGEST_BYTES];

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7);
	ck_assert_int_eq(digest_once(bytes, size, one), SMX_OK);
	ck_assert_int_eq(digest_content(&content, other), SMX_OK);
	ck_assert_mem_eq(one, other, sizeof(one));
	source.result = SMX_EIO;
	ck_assert_int_eq(digest_content(&content, other), SMX_EIO);
	free(bytes);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("digest");
	TCase *tc = tcase_create("digest");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, sum_is_the_published_one, 0,
	    sizeof(known) / sizeof(*known));
	tcase_add_test(tc, pieces_make_no_difference_and_it_begins_anew);
	tcase_add_test(tc, content_is_read_in_pieces_and_its_trouble_is_told);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
