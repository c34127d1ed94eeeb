/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/conf_file.h"

#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 120

struct copy {
	const struct conf_text *text;
	struct arena *arena;
	size_t value; /* how many values came before */
	const char *file;
	uint32_t file_number;
};

/* One string per file, not one per setting. */
static void
place_set(struct copy *c, struct tree *node, const config_setting_t *setting)
{
	const struct conf_text *t = c->text;
	unsigned line = config_setting_source_line(setting);
	const struct conf_place *place;

	/* libconfig gives an item of a list the line of what follows it. */
	if (config_setting_name(setting) == NULL && c->value < t->value_count)
		line = t->values[c->value];
	c->value++;
	if (line == 0 || line > t->place_count)
		line = (unsigned)t->place_count;
	place = &t->places[line - 1];
	if (c->file == NULL || c->file_number != place->file) {
		c->file = arena_str(c->arena, t->files[place->file]);
		c->file_number = place->file;
	}
	node->file = c->file != NULL ? c->file : "";
	node->line = (int)place->line;
}

static enum tree_kind
kind_of(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return TREE_GROUP;
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		return TREE_LIST;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return TREE_NUMBER;
	case CONFIG_TYPE_BOOL:
		return TREE_FLAG;
	case CONFIG_TYPE_STRING:
		return TREE_TEXT;
	default:
		return TREE_FRACTION;
	}
}

static void
value_copy(struct copy *c, struct tree *node, const config_setting_t *setting)
{
	const char *text;
	char number[32];

	switch (node->kind) {
	case TREE_TEXT:
		text = config_setting_get_string(setting);
		node->text = arena_str(c->arena, text != NULL ? text : "");
		break;
	case TREE_NUMBER:
		node->number = config_setting_get_int64(setting);
		break;
	case TREE_FLAG:
		node->number = config_setting_get_bool(setting) != 0;
		break;
	case TREE_FRACTION:
		snprintf(number, sizeof(number), "%g",
		    config_setting_get_float(setting));
		node->text = arena_str(c->arena, number);
		break;
	case TREE_GROUP:
	case TREE_LIST:
		break;
	}
}

/* The nesting is bounded by the scan. */
static struct tree *
tree_copy(struct copy *c, config_setting_t *setting)
{
	struct tree *node =
	    tree_new(c->arena, kind_of(setting), config_setting_name(setting));
	int count;

	if (node == NULL)
		return NULL;
	if (config_setting_is_root(setting) == CONFIG_FALSE)
		place_set(c, node, setting);
	value_copy(c, node, setting);
	if (!config_setting_is_aggregate(setting))
		return node;
	count = config_setting_length(setting);
	for (int i = 0; i < count; i++) {
		struct tree *child =
		    tree_copy(c, config_setting_get_elem(setting, (unsigned)i));

		if (child == NULL)
			return NULL;
		tree_add(node, child);
	}
	return node;
}

static void
line_copy(const struct conf_text *t, unsigned line, char out[LINE_BYTES])
{
	const char *p = t->text.data;
	size_t len;

	while (--line != 0 && (p = strchr(p, '\n')) != NULL)
		p++;
	if (p == NULL)
		p = "";
	p += strspn(p, " \t");
	len = strcspn(p, "\r\n");
	snprintf(out, LINE_BYTES, "%.*s", (int)(len < 100 ? len : 100), p);
}

/* The last word before a '=' or ':' in the line. */
static void
name_copy(const char *line, char *out, size_t size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_*";
	const char *p = line;
	size_t len;

	out[0] = '\0';
	while (*p != '\0') {
		const char *after;

		len = strspn(p, letters);
		after = p + len + strspn(p + len, " \t");
		if (len != 0 && (*after == '=' || *after == ':'))
			snprintf(out, size, "%.*s", (int)len, p);
		p += len != 0 ? len : 1;
	}
}

static void
parse_report(const struct conf_text *t, const config_t *config)
{
	unsigned line = (unsigned)config_error_line(config);
	const char *why = config_error_text(config);
	char text[LINE_BYTES], name[LINE_BYTES] = "";
	struct smx_config_problem problem = { .setting = name,
		.value = text,
		.message = "syntax error",
		.accepted = "name = value;" };

	if (line == 0 || line > t->place_count)
		line = (unsigned)t->place_count;
	problem.file = conf_text_place(t, line, &problem.line);
	line_copy(t, line, text);
	if (why != NULL && strncmp(why, "duplicate", 9) == 0) {
		name_copy(text, name, sizeof(name));
		text[0] = '\0';
		problem.message = "this setting is there already";
		problem.accepted = "each name once in a group";
	} else if (why != NULL) {
		problem.message = why;
	}
	problem_report(t->problems, &problem);
}

int
conf_file_parse(const struct conf_text *text, struct arena *arena,
    struct tree **out)
{
	struct copy c = { .text = text, .arena = arena };
	int result = SMX_OK;
	config_t config;
	struct tree *root;

	config_init(&config);
	if (config_read_string(&config,
		text->text.data != NULL ? text->text.data : "") !=
	    CONFIG_TRUE) {
		parse_report(text, &config);
		result = SMX_ECONFIG;
	} else {
		root = tree_copy(&c, config_root_setting(&config));
		if (root == NULL || arena_failed(arena))
			result = SMX_ENOMEM;
		else
			*out = root;
	}
	config_destroy(&config);
	return result;
}
