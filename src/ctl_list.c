/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_list.h"
#include "ctl_table.h"
#include "ctl_text.h"

#define CELL 400

static const char *
cell_text(const struct record *r, const char *path, char out[CELL])
{
	const char *text = record_text(r, path);

	return text_show(out, CELL, text == NULL ? "" : text);
}

static const char *
cell_number(const struct record *r, const char *path, char out[CELL])
{
	long long n = record_number(r, path, -1);

	if (n < 0)
		return "-";
	snprintf(out, CELL, "%lld", n);
	return out;
}

/* ---- peers ---- */

static const char *const peer_heads[] = { "PEER", "STATE", "HEARD", "ROUND",
	"MTA", "COPIES", "SOLE", "NOTICES", "ADDRESS" };

static const char *
peer_state(const struct record *r, char out[CELL])
{
	size_t len = strlen(cell_text(r, "state", out));
	long long isolated = record_number(r, "isolated_ms", -1);
	char span[TEXT_SPAN];

	if (record_true(r, "drained"))
		len += (size_t)snprintf(out + len, CELL - len, ", drained");
	if (isolated >= 0 && len < CELL)
		snprintf(out + len, CELL - len, ", isolated since %s",
		    text_age(span, isolated));
	return out;
}

/* What was heard long ago says nothing of now. */
static const char *
peer_mta(const struct record *r, char out[CELL])
{
	const char *state = record_text(r, "state");

	if (state != NULL && strcmp(state, "silent") == 0)
		return "-";
	return cell_text(r, "mta", out);
}

static int
peer_cells(struct table *t, const struct record *r)
{
	char text[CELL], span[TEXT_SPAN];
	long long heard = record_number(r, "heard_ago_ms", -1);
	int bad;

	bad = table_cell(t, 0, cell_text(r, "name", text)) != 0 ||
	      table_cell(t, 1, peer_state(r, text)) != 0 ||
	      table_cell(t, 2, heard < 0 ? "never" : text_age(span, heard)) !=
		  0 ||
	      table_cell(t, 3,
		  text_age(span, record_number(r, "round_trip_ms", -1))) != 0 ||
	      table_cell(t, 4, peer_mta(r, text)) != 0 ||
	      table_cell(t, 5, cell_number(r, "copies", text)) != 0 ||
	      table_cell(t, 6, cell_number(r, "sole", text)) != 0 ||
	      table_cell(t, 7, cell_number(r, "notices", text)) != 0;
	return bad ? SMX_ENOMEM : 0;
}

static int
peer_row(struct table *t, const struct record *r)
{
	char text[CELL];
	int rc = peer_cells(t, r);

	return rc != 0 ? rc : table_cell(t, 8, cell_text(r, "address", text));
}

int
list_peers(const struct record *status, const char *path)
{
	struct table t;
	int rc = 0;

	/* "status" leaves the address out. */
	if (table_open(&t, peer_heads, 8) != 0)
		return SMX_ENOMEM;
	for (size_t i = 0; rc == 0 && i < record_count(status, path); i++) {
		const struct record *peer = record_item(status, path, i);

		rc = peer == NULL ? 0 : peer_cells(&t, peer);
	}
	table_close(&t);
	return rc;
}

/* ---- queue ---- */

static const char *const queue_heads[] = { "KEY", "STATE", "PRIMARY",
	"QUEUE-ID", "SIZE", "RCPTS", "AGE", "NOTE" };

static int
cell_is(const struct record *r, const char *path, const char *word)
{
	const char *text = record_text(r, path);

	return text != NULL && strcmp(text, word) == 0;
}

/* Of a shadow: why it was refused, or the id it has here now.  Of an own
 * message: who holds it. */
static const char *
note(const struct record *r, char out[CELL])
{
	const char *const paths[] = { "reason", "handed_id" };
	size_t used = 0;

	out[0] = '\0';
	if (record_true(r, "over"))
		return "ended; members are still being told";
	if (cell_is(r, "state", "done"))
		return "ended here; its primary is not told yet";
	for (size_t i = 0; i < 2; i++) {
		const char *text = record_text(r, paths[i]);

		if (text != NULL && text[0] != '\0')
			return text_show(out, CELL, text);
	}
	if (record_true(r, "unprotected"))
		used = (size_t)snprintf(out, CELL, "unprotected");
	else if (record_true(r, "short"))
		used = (size_t)snprintf(out, CELL, "short");
	if (record_true(r, "isolated"))
		used += (size_t)snprintf(out + used, CELL - used, "%sisolated",
		    used == 0 ? "" : ", ");
	if (record_true(r, "held"))
		used += (size_t)snprintf(out + used, CELL - used, "%sheld",
		    used == 0 ? "" : ", ");
	for (size_t i = 0; i < record_count(r, "holders"); i++) {
		const char *word = record_word(r, "holders", i);

		if (word == NULL || used + 8 >= CELL)
			break;
		used += (size_t)snprintf(out + used, CELL - used,
		    i != 0      ? ", "
		    : used == 0 ? "on "
				: ", on ");
		text_show(out + used, CELL - used, word);
		used = strlen(out);
	}
	return out;
}

static int
queue_row(struct table *t, const struct record *r)
{
	const char *role = record_text(r, "role");
	int own = role != NULL && strcmp(role, "primary") == 0;
	char text[CELL], span[TEXT_SPAN];
	int bad;

	bad = table_cell(t, 0, cell_text(r, "key", text)) != 0 ||
	      table_cell(t, 1, cell_text(r, "state", text)) != 0 ||
	      table_cell(t, 2,
		  own ? "(this host)" : cell_text(r, "primary", text)) != 0 ||
	      table_cell(t, 3, cell_text(r, "queue_id", text)) != 0 ||
	      table_cell(t, 4, text_size(span, record_number(r, "size", -1))) !=
		  0 ||
	      table_cell(t, 5, cell_number(r, "recipients", text)) != 0 ||
	      table_cell(t, 6,
		  text_age(span, record_number(r, "age_ms", -1))) != 0 ||
	      table_cell(t, 7, note(r, text)) != 0;
	return bad ? SMX_ENOMEM : 0;
}

/* ---- both ---- */

struct list {
	struct table table;
	int (*row)(struct table *table, const struct record *record);
};

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct list *list = ctx;
	struct record *record = record_parse(json, len);
	int rc;

	if (record == NULL)
		return SMX_EPROTO;
	rc = list->row(&list->table, record);
	record_free(&record);
	return rc;
}

int
ctl_peer_list(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct list list = { .row = peer_row };
	int status;

	if (table_open(&list.table, peer_heads, 9) != 0)
		return EX_OSERR;
	status = ctl_ask(ctl, phrase, args, count, take_line, &list);
	table_close(&list.table);
	return status;
}

/* Filters are words of the command like its arguments. */
#define QUEUE_WORDS 4

int
ctl_queue_list(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct list list = { .row = queue_row };
	char primary[512], state[64];
	char *words[QUEUE_WORDS];
	int n = 0, status;

	for (; n < count; n++)
		words[n] = args[n];
	if ((ctl->given & OPTION_STATE) != 0) {
		snprintf(state, sizeof(state), "%s", ctl->state);
		words[n++] = state;
	}
	if ((ctl->given & OPTION_PRIMARY) != 0) {
		snprintf(primary, sizeof(primary), "primary=%s", ctl->primary);
		words[n++] = primary;
	}
	if (table_open(&list.table, queue_heads, 8) != 0)
		return EX_OSERR;
	status = ctl_ask(ctl, phrase, words, n, take_line, &list);
	table_close(&list.table);
	return status;
}
