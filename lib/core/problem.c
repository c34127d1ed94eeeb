/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/problem.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define VALUE_BYTES 160
#define NAME_BYTES  64

void
problem_report(struct problems *p, const struct smx_config_problem *problem)
{
	if (!problem->warning)
		p->count++;
	if (p->report != NULL)
		p->report(p->ctx, problem);
}

void
problem_file(struct problems *p, const char *file, int line, const char *value,
    const char *message, const char *accepted)
{
	struct smx_config_problem problem = { .file = file,
		.line = line,
		.setting = "",
		.value = value,
		.message = message,
		.accepted = accepted };

	problem_report(p, &problem);
}

void
problem_node(struct problems *p, const struct tree *node, const char *setting,
    const char *message, const char *accepted)
{
	char value[VALUE_BYTES] = "";
	struct smx_config_problem problem = { .file = "",
		.setting = setting,
		.value = value,
		.message = message,
		.accepted = accepted };

	if (node != NULL) {
		problem.file = node->file;
		problem.line = node->line;
		tree_show(node, value, sizeof(value));
	}
	problem_report(p, &problem);
}

struct line {
	char *out;
	size_t size;
	size_t used;
};

/* Configuration text may hold anything; a terminal must not see it raw. */
static void
put(struct line *l, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char one[4] = { (char)c, 'x', 0, 0 };
		size_t n = 1;

		if (c < 0x20 || c > 0x7e) {
			one[0] = '\\';
			one[2] = hex[c >> 4];
			one[3] = hex[c & 15];
			n = 4;
		}
		if (l->used + n >= l->size)
			return;
		memcpy(l->out + l->used, one, n);
		l->used += n;
	}
}

static const char *
or_empty(const char *text)
{
	return text != NULL ? text : "";
}

void
smx_config_problem_format(const struct smx_config_problem *problem, char *out,
    size_t size)
{
	struct line l = { out, size, 0 };
	const char *file = or_empty(problem->file);
	const char *setting = or_empty(problem->setting);
	const char *value = or_empty(problem->value);
	const char *accepted = or_empty(problem->accepted);
	char number[24];

	if (size == 0)
		return;
	put(&l, file);
	if (file[0] != '\0' && problem->line > 0) {
		snprintf(number, sizeof(number), ":%d", problem->line);
		put(&l, number);
	}
	if (file[0] != '\0')
		put(&l, ": ");
	put(&l, setting);
	if (setting[0] != '\0' && value[0] != '\0')
		put(&l, " = ");
	put(&l, value);
	if (setting[0] != '\0' || value[0] != '\0')
		put(&l, ": ");
	put(&l, problem->warning ? "warning: " : "");
	put(&l, or_empty(problem->message));
	if (accepted[0] != '\0') {
		put(&l, "; accepted: ");
		put(&l, accepted);
	}
	out[l.used] = '\0';
}

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein; NAME_BYTES when either is longer than any name of ours. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NAME_BYTES + 1];
	size_t m = strlen(a), n = strlen(b);

	if (m >= NAME_BYTES || n >= NAME_BYTES)
		return NAME_BYTES;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
			    corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[n];
}

const char *
nearest_name(const char *text, const char *const *names, size_t count)
{
	const char *best = NULL;
	size_t best_far = strlen(text) / 3 + 2;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(text, names[i]);

		if (far < best_far) {
			best = names[i];
			best_far = far;
		}
	}
	return best;
}
