/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_CONF_TEXT_OF_H
#define TEST_CONF_TEXT_OF_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <shadowmx/config.h>

/* What the tests of configuration share: all problems as lines of text. */
struct told {
	size_t count;
	size_t len;
	char lines[32768];
};

static inline void
told_report(void *ctx, const struct smx_config_problem *problem)
{
	struct told *t = ctx;
	char line[1024];
	int n;

	smx_config_problem_format(problem, line, sizeof(line));
	t->count++;
	n = snprintf(t->lines + t->len, sizeof(t->lines) - t->len, "%s\n",
	    line);
	if (n > 0 && (size_t)n < sizeof(t->lines) - t->len)
		t->len += (size_t)n;
}

static inline struct smx_config *
config_good(const char *text)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };
	int result =
	    smx_config_parse(&config, text, "test.conf", told_report, &told);

	ck_assert_msg(result == SMX_OK, "%s", told.lines);
	ck_assert_uint_eq(told.count, 0);
	return config;
}

#define PIN_A "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PIN_B "sha256/BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="

/* The least that a pair needs, but for when_unprotected. */
#define PAIR                                                                   \
	"node = \"mx1.example.org\";\n"                                        \
	"peers = { members = ( { name = \"mx2.example.org\";"                  \
	" address = \"192.0.2.2:8825\"; pin = \"" PIN_A "\"; } ); };\n"
#define ACCEPT                                                                 \
	"defaults = { acknowledge = { when_unprotected = \"accept\"; }; };\n"

#endif
