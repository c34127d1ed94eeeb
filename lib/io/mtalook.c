/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtalook.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/mtaask.h"

#define ANSWER_MAX    (4u << 20)
#define OVERRIDES_MAX 200

/* One run of postconf; NULL, with words in why, when it did not answer. */
static const char *
ask(struct arena *arena, const char *const *argv, const char **why)
{
	struct buf answer;
	const char *text = NULL;
	char words[512] = "";
	int rc;

	buf_init(&answer, ANSWER_MAX);
	rc = mta_ask("postconf", argv, &answer, words, sizeof(words));
	if (rc == SMX_OK)
		text = arena_copy(arena, answer.data, answer.len);
	else if (why != NULL)
		*why = arena_str(arena, words);
	buf_free(&answer);
	return text;
}

/* Postfix itself says which settings hold for a service. */
static int
look_service(struct mta_service *s, const char *dir,
    const struct mta_look *look, struct arena *arena)
{
	const char *argv[2 * OVERRIDES_MAX + 4] = { "-c", dir, "-x" };
	const char *text;
	size_t n = 3;

	s->values = look->main;
	if (s->overrides.count == 0 || s->overrides.count > OVERRIDES_MAX)
		return SMX_OK;
	for (size_t i = 0; i < s->overrides.count; i++) {
		argv[n++] = "-o";
		argv[n++] = mta_fmt(arena, "%s=%s", s->overrides.list[i].name,
		    s->overrides.list[i].value);
	}
	argv[n] = NULL;
	text = ask(arena, argv, NULL);
	if (text == NULL)
		return SMX_OK;
	return mta_values_parse(arena, text, &s->values);
}

static int
is_judged(const struct mta_service *s)
{
	return strcmp(s->program, "smtpd") == 0 ||
	       strcmp(s->program, "cleanup") == 0;
}

static int
look_services(struct mta_look *look, const char *dir, struct arena *arena)
{
	const char *const fields_argv[] = { "-c", dir, "-F", NULL };
	const char *const overrides_argv[] = { "-c", dir, "-P", NULL };
	const char *fields = ask(arena, fields_argv, &look->facts.answer);
	const char *overrides = ask(arena, overrides_argv, NULL);
	const char *level = mta_text(&look->main, "compatibility_level");
	int rc;

	if (fields == NULL) {
		look->facts.asked = 0;
		return SMX_OK;
	}
	/* Since 3.0, and unless told to be as before it. */
	rc = mta_services_parse(arena, fields,
	    overrides == NULL ? "" : overrides, strcmp(level, "0") == 0,
	    &look->services);
	for (size_t i = 0; rc == SMX_OK && i < look->services.count; i++) {
		struct mta_service *s = &look->services.list[i];

		s->values = look->main;
		if (is_judged(s))
			rc = look_service(s, dir, look, arena);
	}
	return rc;
}

int
mta_look_main(struct mta_look *look, const char *dir, struct arena *arena)
{
	const char *const argv[] = { "-c", dir, "-x", NULL };
	const char *text;

	look->facts.answer = "";
	text = ask(arena, argv, &look->facts.answer);
	look->facts.asked = text != NULL && mta_values_parse(arena, text,
						&look->main) == SMX_OK;
	return look->facts.asked;
}

int
mta_look(struct mta_look *look, const struct smx_config *config,
    struct arena *arena)
{
	const char *dir = config_conf(config)->mta_config_directory;
	const char *const raw_argv[] = { "-c", dir, NULL };
	const char *raw;
	int rc = SMX_OK;

	memset(look, 0, sizeof(*look));
	if (mta_look_main(look, dir, arena)) {
		raw = ask(arena, raw_argv, NULL);
		rc =
		    mta_values_parse(arena, raw == NULL ? "" : raw, &look->raw);
		if (rc == SMX_OK)
			rc = look_services(look, dir, arena);
	}
	mta_look_facts(look, config, arena);
	return arena_failed(arena) ? SMX_ENOMEM : rc;
}

int
mta_same_path(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX], folder[PATH_MAX];
	const char *an = strrchr(a, '/'), *bn = strrchr(b, '/');

	if (an == NULL || bn == NULL || strcmp(an, bn) != 0)
		return 0;
	/* The last name may not be there yet. */
	if (text_copy(folder, sizeof(folder), a))
		return 0;
	folder[an - a] = '\0';
	if (realpath(folder[0] == '\0' ? "/" : folder, x) == NULL ||
	    text_copy(folder, sizeof(folder), b))
		return 0;
	folder[bn - b] = '\0';
	return realpath(folder[0] == '\0' ? "/" : folder, y) != NULL &&
	       strcmp(x, y) == 0;
}
