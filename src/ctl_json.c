/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ctl_text.h"

/* A record is jansson's object under another name. */
static const json_t *
inner(const struct record *record)
{
	return (const json_t *)record;
}

struct record *
record_parse(const char *json, size_t len)
{
	json_error_t error;
	json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);

	if (object != NULL && !json_is_object(object)) {
		json_decref(object);
		object = NULL;
	}
	return (struct record *)object;
}

void
record_free(struct record **record)
{
	json_decref((json_t *)*record);
	*record = NULL;
}

static const json_t *
find(const struct record *record, const char *path)
{
	const json_t *at = inner(record);
	char name[64];

	for (;;) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		at = json_object_get(at, name);
		if (at == NULL || path[len] == '\0')
			return at;
		path += len + 1;
	}
}

const char *
record_text(const struct record *record, const char *path)
{
	return json_string_value(find(record, path));
}

long long
record_number(const struct record *record, const char *path, long long none)
{
	const json_t *value = find(record, path);

	return json_is_integer(value) ? json_integer_value(value) : none;
}

int
record_true(const struct record *record, const char *path)
{
	return json_is_true(find(record, path));
}

size_t
record_count(const struct record *record, const char *path)
{
	return json_array_size(find(record, path));
}

const struct record *
record_item(const struct record *record, const char *path, size_t index)
{
	const json_t *item = json_array_get(find(record, path), index);

	return json_is_object(item) ? (const struct record *)item : NULL;
}

const char *
record_word(const struct record *record, const char *path, size_t index)
{
	return json_string_value(json_array_get(find(record, path), index));
}

int
record_print(const char *const names[3], const char *const values[3])
{
	json_t *object = json_object();
	int bad = object == NULL;

	for (int i = 0; i < 3 && !bad; i++) {
		char *text = text_escape(values[i]);

		bad = text == NULL || json_object_set_new(object, names[i],
					  json_string(text)) != 0;
		text_release(&text);
	}
	if (!bad)
		bad = json_dumpf(object, stdout,
			  JSON_COMPACT | JSON_ENSURE_ASCII) != 0 ||
		      putchar('\n') == EOF;
	json_decref(object);
	return bad;
}
