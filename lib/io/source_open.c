/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/source_file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/setting_read.h"
#include "io/geo_mmdb.h"

#define CHUNK_BYTES 65536

/* A file that is being written at this very moment is given some time. */
#define BUSY_TRIES    5
#define BUSY_PAUSE_MS 200

/* A later change within the same tick of the file system's clock would leave
 * the same stamp: what is so fresh is looked at once more. */
#define FRESH_NS INT64_C(2000000000)

static int
fault_tell(const struct table_fault *fault, int result,
    struct source_trouble *trouble)
{
	if (result == SMX_ELIMIT)
		return trouble_set(trouble, SMX_ECONFIG,
		    "more recipients than a table may have",
		    "at most 100000000 recipients and 4 GiB of them");
	if (result != SMX_ECONFIG)
		return trouble_set(trouble, result, smx_strerror(result), "");
	trouble->line = fault->line;
	text_copy(trouble->text, sizeof(trouble->text), fault->text);
	return trouble_set(trouble, result, fault->message, fault->accepted);
}

static int
table_fill(struct table *table, int fd, struct source_trouble *trouble)
{
	struct table_fault fault = { 0 };
	char data[CHUNK_BYTES];
	int n, result = SMX_OK;

	do {
		n = source_file_read(fd, data, sizeof(data), trouble);
		if (n < 0)
			return n;
		result = n > 0 ? table_read(table, data, (size_t)n, &fault)
			       : table_end(table, &fault);
	} while (result == SMX_OK && n > 0);
	return result == SMX_OK ? SMX_OK : fault_tell(&fault, result, trouble);
}

static int
table_open(struct source *source, int fd, struct source_trouble *trouble)
{
	struct table *table = NULL;
	int result = table_new(&table);

	if (result == SMX_OK)
		result = table_fill(table, fd, trouble);
	else
		trouble_set(trouble, result, smx_strerror(result), "");
	if (result == SMX_OK)
		source->table = table;
	else
		table_release(&table);
	return result;
}

static void
settle(struct stamp *stamp)
{
	if (clock_wall_ms() * 1000000 - stamp->changed_ns < FRESH_NS)
		stamp->altered_ns = -1;
}

int
source_read(struct source *source, struct source_trouble *trouble)
{
	struct source fresh = *source;
	int result, fd;

	memset(trouble, 0, sizeof(*trouble));
	trouble->accepted = "";
	memset(&fresh.stamp, 0, sizeof(fresh.stamp));
	result = source_file_open(source->path, &fd, &fresh.stamp, trouble);
	if (result == SMX_OK) {
		result = source->kind == SOURCE_TABLE
			     ? table_open(&fresh, fd, trouble)
			     : geo_mmdb_open(&fresh, fd, trouble);
		/* A change explains whatever is wrong with it. */
		if (source_file_same(fd, source->path, &fresh.stamp, trouble) !=
		    SMX_OK) {
			if (result == SMX_OK)
				source_release(&fresh);
			result = SMX_EBUSY;
		}
		close(fd);
	}
	if (result == SMX_OK)
		*source = fresh;
	source->stamp = fresh.stamp;
	settle(&source->stamp);
	return result;
}

/* ---- at load ---- */

/* Where a table is named first. */
static const struct tree *
table_node(const struct tree *root, const char *path)
{
	const struct tree *list = tree_find(root, "policies");
	const struct tree *policy = list != NULL ? list->first : NULL;

	for (; policy != NULL; policy = policy->next) {
		const struct tree *t =
		    tree_find(policy, "match.recipient_tables");

		if (t != NULL && t->kind == TREE_LIST)
			t = t->first;
		for (; t != NULL; t = t->name == NULL ? t->next : NULL)
			if (t->kind == TREE_TEXT && strcmp(t->text, path) == 0)
				return t;
	}
	return NULL;
}

static void
line_report(const struct source *source, const struct source_trouble *trouble,
    struct problems *problems)
{
	struct smx_config_problem problem = { .file = source->path,
		.line = (int)trouble->line,
		.setting = "",
		.value = trouble->text,
		.message = trouble->message,
		.accepted = trouble->accepted };

	problem_report(problems, &problem);
}

static void
database_warn(const struct source *source, const struct tree *node,
    const struct source_trouble *trouble, struct problems *problems)
{
	char message[400], value[160] = "";
	struct smx_config_problem problem = { .file = "",
		.setting = source->setting,
		.value = value,
		.message = message,
		.accepted = trouble->accepted,
		.warning = 1 };

	snprintf(message, sizeof(message),
	    "the database cannot be used: %s; until it can, every client's "
	    "%s is unknown",
	    trouble->message,
	    source->kind == SOURCE_COUNTRY ? "country" : "network");
	if (node != NULL) {
		problem.file = node->file;
		problem.line = node->line;
		tree_show(node, value, sizeof(value));
	}
	problem_report(problems, &problem);
}

void
source_open(struct source *source, const struct tree *root,
    struct problems *problems)
{
	const struct timespec pause = { 0, BUSY_PAUSE_MS * 1000000L };
	const struct tree *node = source->kind == SOURCE_TABLE
				      ? table_node(root, source->path)
				      : tree_find(root, source->setting);
	struct source_trouble trouble;
	int result = source_read(source, &trouble);

	for (int i = 1; i < BUSY_TRIES && result == SMX_EBUSY; i++) {
		nanosleep(&pause, NULL);
		result = source_read(source, &trouble);
	}
	if (result == SMX_OK)
		return;
	if (source->kind != SOURCE_TABLE)
		database_warn(source, node, &trouble, problems);
	else if (trouble.line != 0)
		line_report(source, &trouble, problems);
	else
		problem_node(problems, node, source->setting, trouble.message,
		    trouble.accepted);
}
