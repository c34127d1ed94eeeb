/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/setting_read.h"

#include <assert.h>
#include <string.h>

#include "base/key.h"
#include "core/units.h"

#define ACCEPTED_BYTES 256

static void
wrong_value(struct reader *r, const struct setting *s, const struct tree *node,
    const char *name, const char *message)
{
	char accepted[ACCEPTED_BYTES];

	setting_accepted(s, accepted, sizeof(accepted));
	problem_node(r->problems, node, name, message, accepted);
}

static void
field_set(const struct setting *s, void *base, const void *value, size_t size)
{
	assert(s->width == size);
	memcpy((char *)base + s->offset, value, size);
}

/* Enums, bits and counts are four bytes wide, quantities eight. */
static void
number_set(const struct setting *s, void *base, int64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (s->width == sizeof(narrow))
		field_set(s, base, &narrow, sizeof(narrow));
	else
		field_set(s, base, &value, sizeof(value));
}

static void
list_set(const struct setting *s, void *base, const void *items, size_t count)
{
	field_set(s, base, &items, sizeof(items));
	memcpy((char *)base + s->count_offset, &count, sizeof(count));
}

/* The checked text in the arena, or NULL after a report. */
static const char *
text_take(struct reader *r, const struct setting *s, const struct tree *node,
    const char *name)
{
	char out[SETTING_TEXT_MAX + 1] = "";
	const char *wrong = NULL;

	if (node->kind != TREE_TEXT)
		wrong = "this is not a text in quotes";
	else if (node->text[0] == '\0' && s->kind == SETTING_TEXT &&
		 (s->flags & SETTING_EMPTY_OK) != 0)
		return "";
	else if (strlen(node->text) > SETTING_TEXT_MAX)
		wrong = "the text is too long";
	else
		wrong = s->check(node->text, out);
	if (wrong != NULL) {
		wrong_value(r, s, node, name, wrong);
		return NULL;
	}
	return arena_str(r->arena, out);
}

static void
text_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	const char *text = text_take(r, s, node, name);

	if (text != NULL)
		field_set(s, base, &text, sizeof(text));
}

static const struct setting_word *
word_take(struct reader *r, const struct setting *s, const struct tree *node,
    const char *name)
{
	const struct setting_word *w = s->words;

	if (node->kind != TREE_TEXT) {
		wrong_value(r, s, node, name, "this is not a word in quotes");
		return NULL;
	}
	while (w->word != NULL && strcmp(w->word, node->text) != 0)
		w++;
	if (w->word == NULL || w->refused != NULL) {
		wrong_value(r, s, node, name,
		    w->word != NULL ? w->refused : "unknown word");
		return NULL;
	}
	return w;
}

static void
word_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	const struct setting_word *w = word_take(r, s, node, name);

	if (w == NULL)
		return;
	if (s->kind == SETTING_WORD)
		field_set(s, base, &w->word, sizeof(w->word));
	else
		number_set(s, base, w->value);
}

static void
quantity_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	const char *wrong = NULL;
	int64_t value = 0;
	int result;

	if (s->kind == SETTING_NUMBER) {
		if (node->kind != TREE_NUMBER)
			wrong = "this is not a whole number";
		value = node->number;
	} else if (node->kind != TREE_TEXT) {
		wrong = "write it as text with a unit";
	} else {
		result = s->kind == SETTING_DURATION
			     ? duration_parse(node->text, &value)
			     : size_parse(node->text, &value);
		if (result != SMX_OK)
			wrong = result == SMX_ELIMIT
				    ? "out of range"
				    : "this is not a number with a unit";
	}
	if (wrong == NULL && (value < s->low || value > s->high))
		wrong = s->beyond != NULL ? s->beyond : "out of range";
	if (wrong != NULL)
		wrong_value(r, s, node, name, wrong);
	else
		number_set(s, base, value);
}

static void
flag_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	if (node->kind != TREE_FLAG)
		wrong_value(r, s, node, name, "this is not true or false");
	else
		number_set(s, base, node->number);
}

/* A single value stands for a list of one. */
struct items {
	const struct tree *first;
	size_t count;
};

static struct items
items_of(const struct tree *node)
{
	if (node->kind == TREE_LIST)
		return (struct items){ node->first, node->count };
	return (struct items){ node, 1 };
}

/* "For so long this, then that." */
static void
trial_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	const struct setting_word *first, *then = NULL;
	int64_t time_ms = 0;

	if (node->kind != TREE_LIST) {
		first = word_take(r, s, node, name);
	} else if (node->count != 3 || node->first->next->kind != TREE_TEXT ||
		   duration_parse(node->first->next->text, &time_ms) !=
		       SMX_OK ||
		   time_ms < s->low || time_ms > s->high) {
		wrong_value(r, s, node, name,
		    "not a word, a time and a word, or the time is out of "
		    "range");
		return;
	} else {
		first = word_take(r, s, node->first, name);
		then = word_take(r, s, node->last, name);
		if (first == NULL || then == NULL)
			return;
		if (first->value != SMX_UNPROTECTED_TEMPFAIL ||
		    then->value != SMX_UNPROTECTED_ACCEPT) {
			wrong_value(r, s, node, name,
			    "only \"tempfail\" can come before the time and "
			    "only \"accept\" after it");
			return;
		}
	}
	if (first == NULL)
		return;
	number_set(s, base, first->value);
	memcpy((char *)base + s->count_offset, &time_ms, sizeof(time_ms));
}

/* A list may be long: the name of an item is made when it is needed. */
static const char *
item_name(char out[READ_PATH], const char *name, const struct tree *node,
    size_t i)
{
	if (node->kind == TREE_LIST)
		return path_item(out, name, i);
	return path_join(out, "", name);
}

static void
choices_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	struct items items = items_of(node);
	const struct tree *t = items.first;
	int64_t bits = 0;

	for (size_t i = 0; i < items.count; i++, t = t->next) {
		const struct setting_word *w = word_take(r, s, t, name);

		if (w == NULL)
			return;
		bits |= w->value;
	}
	number_set(s, base, bits);
}

static void
list_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	struct items items = items_of(node);
	const struct tree *t = items.first;
	const char **list;

	if (items.count == 0 && (s->flags & SETTING_EMPTY_OK) != 0) {
		list_set(s, base, NULL, 0);
		return;
	}
	if (items.count == 0) {
		wrong_value(r, s, node, name,
		    "an empty list would never match; leave the setting out");
		return;
	}
	list = arena_alloc(r->arena, items.count, sizeof(*list));
	for (size_t i = 0; list != NULL && i < items.count; i++, t = t->next) {
		char item[READ_PATH];

		list[i] = text_take(r, s, t, item_name(item, name, node, i));
	}
	list_set(s, base, list, items.count);
}

static int
asn_take(const struct tree *node, uint32_t *out)
{
	const char *digits = node->text;
	uint64_t n = 0;

	if (node->kind == TREE_TEXT && strcmp(digits, "unknown") == 0) {
		*out = 0;
		return SMX_OK;
	}
	if (node->kind == TREE_TEXT) {
		if (strncmp(digits, "AS", 2) == 0)
			digits += 2;
		if (number_parse(digits, strlen(digits), UINT32_MAX, &n) !=
		    SMX_OK)
			return SMX_EINVAL;
	} else if (node->kind == TREE_NUMBER && node->number > 0 &&
		   node->number <= UINT32_MAX) {
		n = (uint64_t)node->number;
	}
	if (n == 0)
		return SMX_EINVAL;
	*out = (uint32_t)n;
	return SMX_OK;
}

static void
asns_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	struct items items = items_of(node);
	const struct tree *t = items.first;
	uint32_t *list;

	if (items.count == 0) {
		wrong_value(r, s, node, name,
		    "an empty list would never match; leave the setting out");
		return;
	}
	list = arena_alloc(r->arena, items.count, sizeof(*list));
	for (size_t i = 0; list != NULL && i < items.count; i++, t = t->next) {
		char item[READ_PATH];

		if (asn_take(t, &list[i]) != SMX_OK)
			wrong_value(r, s, t, item_name(item, name, node, i),
			    "this is not the number of an autonomous system");
	}
	list_set(s, base, list, items.count);
}

void
value_read(struct reader *r, const struct setting *s, void *base,
    const struct tree *node, const char *name)
{
	switch (s->kind) {
	case SETTING_TEXT:
		text_read(r, s, base, node, name);
		break;
	case SETTING_WORD:
	case SETTING_CHOICE:
		word_read(r, s, base, node, name);
		break;
	case SETTING_TRIAL:
		trial_read(r, s, base, node, name);
		break;
	case SETTING_CHOICES:
		choices_read(r, s, base, node, name);
		break;
	case SETTING_NUMBER:
	case SETTING_DURATION:
	case SETTING_SIZE:
		quantity_read(r, s, base, node, name);
		break;
	case SETTING_FLAG:
		flag_read(r, s, base, node, name);
		break;
	case SETTING_LIST:
		list_read(r, s, base, node, name);
		break;
	case SETTING_ASNS:
		asns_read(r, s, base, node, name);
		break;
	case SETTING_GROUP:
	case SETTING_GROUPS:
		break;
	}
}

void
value_preset(struct reader *r, const struct setting *s, void *base)
{
	struct tree node = { .kind = TREE_TEXT, .file = "" };
	uint64_t n;

	if (s->kind == SETTING_FLAG)
		number_set(s, base, -1);
	if (s->kind == SETTING_TEXT) {
		const char *empty = "";

		field_set(s, base, &empty, sizeof(empty));
	}
	if (s->preset == NULL)
		return;
	node.text = s->preset;
	if (s->kind == SETTING_NUMBER) {
		if (number_parse(s->preset, strlen(s->preset), INT64_MAX, &n) !=
		    SMX_OK)
			return;
		node.kind = TREE_NUMBER;
		node.number = (int64_t)n;
	}
	value_read(r, s, base, &node, s->path);
}

int64_t
setting_number(const struct setting *s, const void *base)
{
	uint32_t narrow;
	int64_t wide;

	if (s->width == sizeof(wide)) {
		memcpy(&wide, (const char *)base + s->offset, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, (const char *)base + s->offset, sizeof(narrow));
	return s->kind == SETTING_FLAG ? (int32_t)narrow : (int64_t)narrow;
}
