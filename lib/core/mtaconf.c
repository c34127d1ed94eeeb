/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtaconf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
mta_fmt(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1, 1);
	if (text == NULL)
		return "";
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

/* ---- values ---- */

static int
by_name(const void *a, const void *b)
{
	const struct mta_value *x = a, *y = b;

	return strcmp(x->name, y->name);
}

const char *
mta_value(const struct mta_values *values, const char *name)
{
	struct mta_value key = { name, NULL };
	const struct mta_value *found = NULL;

	if (values->count > 0)
		found = bsearch(&key, values->list, values->count, sizeof(key),
		    by_name);
	return found == NULL ? NULL : found->value;
}

const char *
mta_text(const struct mta_values *values, const char *name)
{
	const char *value = mta_value(values, name);

	return value == NULL ? "" : value;
}

int
mta_is_yes(const struct mta_values *values, const char *name)
{
	return mta_has_word(mta_text(values, name), "yes");
}

int64_t
mta_number(const char *text)
{
	char *end;
	long long n;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	n = strtoll(text, &end, 10);
	return *end != '\0' || n > INT32_MAX ? -1 : n;
}

int64_t
mta_span_ms(const char *text, int64_t unit_ms)
{
	static const struct {
		char letter;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 }, { 'w', 604800000 } };
	char *end;
	long long n;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	n = strtoll(text, &end, 10);
	if (n > INT32_MAX)
		return -1;
	if (*end == '\0')
		return n * unit_ms;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (*end == units[i].letter && end[1] == '\0')
			return n * units[i].ms;
	return -1;
}

/* A line: how long it is without its end, and where the next begins. */
static const char *
next_line(const char *line, size_t *len)
{
	*len = strcspn(line, "\n");
	return line[*len] == '\0' ? line + *len : line + *len + 1;
}

static size_t
count_lines(const char *text, size_t max)
{
	size_t count = 0, len;

	while (*text != '\0' && count < max) {
		text = next_line(text, &len);
		count++;
	}
	return count;
}

/* "name = value"; a value that is empty may have lost its last blank. */
static int
split_line(struct arena *arena, const char *line, size_t len,
    struct mta_value *out)
{
	const char *sign = memchr(line, '=', len);
	const char *end = sign;
	const char *value;

	if (sign == NULL)
		return 0;
	while (end > line && end[-1] == ' ')
		end--;
	if (end == line)
		return 0;
	value = sign + 1;
	while (value < line + len && *value == ' ')
		value++;
	out->name = arena_copy(arena, line, (size_t)(end - line));
	out->value = arena_copy(arena, value, (size_t)(line + len - value));
	return out->name != NULL && out->value != NULL;
}

/* Of equal names the last stays: insertion keeps their order. */
static void
sort_values(struct mta_values *values)
{
	size_t kept = 0;

	for (size_t i = 0; i < values->count; i++) {
		struct mta_value v = values->list[i];
		size_t at = kept;

		while (at > 0 && by_name(&values->list[at - 1], &v) > 0)
			at--;
		if (at > 0 && by_name(&values->list[at - 1], &v) == 0) {
			values->list[at - 1] = v;
			continue;
		}
		memmove(values->list + at + 1, values->list + at,
		    (kept - at) * sizeof(v));
		values->list[at] = v;
		kept++;
	}
	values->count = kept;
}

int
mta_values_parse(struct arena *arena, const char *text, struct mta_values *out)
{
	size_t lines = count_lines(text, MTA_VALUES_MAX), len;

	out->count = 0;
	out->list = arena_alloc(arena, lines + 1, sizeof(*out->list));
	if (out->list == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < lines; i++) {
		const char *line = text;

		text = next_line(line, &len);
		out->count += (size_t)split_line(arena, line, len,
		    &out->list[out->count]);
	}
	sort_values(out);
	return arena_failed(arena) ? SMX_ENOMEM : SMX_OK;
}

/* ---- services ---- */

/* "127.0.0.1:10026/inet/chroot" into its id and what is behind it. */
static const char *
split_id(const char *name, size_t *id_len)
{
	const char *last = strrchr(name, '/');

	if (last == NULL || last == name)
		return NULL;
	*id_len = (size_t)(last - name);
	return memchr(name, '/', *id_len) == NULL ? NULL : last + 1;
}

static void
set_field(struct mta_service *s, struct arena *arena, const char *field,
    const char *value, int chroot_default)
{
	if (strcmp(field, "service") == 0)
		s->name = value;
	else if (strcmp(field, "type") == 0)
		s->type = value;
	else if (strcmp(field, "private") == 0)
		s->is_private = strcmp(value, "n") != 0;
	else if (strcmp(field, "chroot") == 0)
		s->chroot = strcmp(value, "-") == 0 ? chroot_default
						    : strcmp(value, "y") == 0;
	else if (strcmp(field, "process_limit") == 0) {
		s->limit = value;
		s->processes = mta_number(value);
	} else if (strcmp(field, "command") == 0) {
		const char *program =
		    arena_copy(arena, value, strcspn(value, " \t"));

		s->program = program == NULL ? "" : program;
	}
}

/* Services whose name is not seen again stay as they are. */
static struct mta_service *
find_service(struct mta_services *services, const char *id, size_t len)
{
	for (size_t i = services->count; i > 0; i--) {
		struct mta_service *s = &services->list[i - 1];

		if (strncmp(s->id, id, len) == 0 && s->id[len] == '\0')
			return s;
	}
	return NULL;
}

static struct mta_service *
add_service(struct arena *arena, struct mta_services *services, const char *id,
    size_t len)
{
	struct mta_service *s;

	if (services->count == MTA_SERVICES_MAX)
		return NULL;
	s = &services->list[services->count];
	s->id = arena_copy(arena, id, len);
	if (s->id == NULL)
		return NULL;
	s->name = s->type = s->program = s->limit = "";
	s->processes = -1;
	services->count++;
	return s;
}

static int
add_overrides(struct arena *arena, const char *text,
    struct mta_services *services)
{
	struct mta_values all;
	int rc = mta_values_parse(arena, text, &all);

	if (rc != SMX_OK)
		return rc;
	/* Sorted, so those of one service follow each other. */
	for (size_t i = 0; i < all.count; i++) {
		size_t len;
		const char *name = split_id(all.list[i].name, &len);
		struct mta_service *s =
		    name == NULL
			? NULL
			: find_service(services, all.list[i].name, len);

		if (s == NULL)
			continue;
		if (s->overrides.count == 0)
			s->overrides.list = &all.list[i];
		s->overrides.list[s->overrides.count].name = name;
		s->overrides.list[s->overrides.count].value = all.list[i].value;
		s->overrides.count++;
	}
	return SMX_OK;
}

int
mta_services_parse(struct arena *arena, const char *fields,
    const char *overrides, int chroot_default, struct mta_services *out)
{
	size_t lines = count_lines(fields, MTA_VALUES_MAX), len;

	out->count = 0;
	out->list = arena_alloc(arena, MTA_SERVICES_MAX, sizeof(*out->list));
	if (out->list == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < lines; i++) {
		const char *line = fields, *field;
		struct mta_service *s = NULL;
		struct mta_value v;
		size_t id;

		fields = next_line(line, &len);
		if (!split_line(arena, line, len, &v))
			continue;
		field = split_id(v.name, &id);
		if (field == NULL)
			continue;
		s = find_service(out, v.name, id);
		if (s == NULL)
			s = add_service(arena, out, v.name, id);
		if (s != NULL)
			set_field(s, arena, field, v.value, chroot_default);
	}
	if (arena_failed(arena))
		return SMX_ENOMEM;
	return add_overrides(arena, overrides, out);
}
