/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "store_crash.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/db_sqlite.h"

struct expect {
	int tried, kept;   /* stored: attempted, promised */
	int net;           /* finished, promised: the net has it */
	unsigned had;      /* so often */
	int drop, dropped; /* the same for the end */
	int marked;        /* the last state promised */
	unsigned marks;    /* a bit for it, and for each attempted since */
	uint32_t amends;   /* a bit for each version attempted */
	unsigned amended;  /* the last promised */
	int yield, yielded;
	size_t size;
	unsigned seed;
};

static struct expect expect[KEYS_MAX];
static int net_missed;
static unsigned value_tried, value_kept;
static int passed, failed;

static void
claim(int holds, const char *what, unsigned n)
{
	if (holds) {
		passed++;
		return;
	}
	failed++;
	printf("not so: %s (%u)\n", what, n);
}

static void
learn(const char *line)
{
	char word[16];
	unsigned n = 0, seed = 0;
	size_t size = 0;
	struct expect *e;

	if (sscanf(line, "%15s %u %zu %u", word, &n, &size, &seed) < 2 ||
	    n >= KEYS_MAX)
		return;
	e = &expect[n];
	if (strcmp(word, "TRY") == 0)
		e->tried = 1;
	if (strcmp(word, "OK") == 0 || strcmp(word, "AGAIN") == 0) {
		e->kept = 1;
		e->size = size;
		e->seed = seed;
	}
	e->drop |= strcmp(word, "DROP") == 0 || strcmp(word, "FINISH") == 0;
	e->dropped |=
	    strcmp(word, "DROPPED") == 0 || strcmp(word, "FINISHED") == 0;
	/* What the store never had is finished, too, and goes nowhere. */
	e->net |= strcmp(word, "FINISHED") == 0 && e->kept;
	net_missed |= strcmp(word, "MISSED") == 0;
	if (strcmp(word, "MARK") == 0)
		e->marks |= 1u << (size & 31);
	if (strcmp(word, "MARKED") == 0) {
		e->marked = (int)size;
		e->marks = 1u << (size & 31);
	}
	if (strcmp(word, "AMEND") == 0)
		e->amends |= (uint32_t)1 << (size & 31);
	if (strcmp(word, "AMENDED") == 0)
		e->amended = (unsigned)size;
	e->yield |= strcmp(word, "YIELD") == 0;
	if (strcmp(word, "YIELDED") == 0) {
		e->yielded = 1;
		e->amended = 0; /* versions begin anew */
	}
	if (strcmp(word, "SET") == 0)
		value_tried = n;
	if (strcmp(word, "WAS_SET") == 0)
		value_kept = n;
	if (strcmp(word, "LIE") == 0)
		claim(0, line, n);
}

static int
same_bytes(unsigned n)
{
	const struct expect *e = &expect[n];
	char *bytes = bytes_of(e->size, e->seed), *back = malloc(e->size + 1);
	struct smx_content content;
	struct smx_key key = key_of(n);
	int same = store.ops->open(store.ctx, &key, &content) == SMX_OK;

	if (same) {
		same = content.size == e->size &&
		       content.read(content.ctx, 0, back, e->size) == SMX_OK &&
		       memcmp(bytes, back, e->size) == 0;
		store.ops->close_content(store.ctx, &content);
	}
	free(bytes);
	free(back);
	return same;
}

static int
never_again(unsigned n)
{
	struct smx_draft *draft = NULL;
	int result = begin(n, 10, &draft);

	if (result == SMX_OK)
		store.ops->abort(store.ctx, &draft);
	return result == SMX_EGONE;
}

static int
envelope_is(unsigned n, const char *want)
{
	struct smx_key key = key_of(n);
	char *text = NULL;
	size_t len = 0;
	int same =
	    store.ops->envelope(store.ctx, &key, &text, &len, NULL) == SMX_OK &&
	    len == strlen(want) && memcmp(text, want, len) == 0;

	free(text);
	return same;
}

static void
check_amended(unsigned n, const struct smx_row *row)
{
	const struct expect *e = &expect[n];
	char envelope[64], holders[16];
	int yielded = strcmp(row->primary, "mx2") == 0;

	/* What failed may be there all the same: nobody was told. */
	if (row->version == 0)
		claim(e->amended == 0 || (yielded && !e->yielded),
		    "amended stays amended", n);
	else
		claim(row->version >= e->amended && row->version < 32 &&
			  (e->amends >> row->version & 1) != 0,
		    "amended stays amended", n);
	claim(yielded == e->yielded || yielded == e->yield,
	    "yielded stays yielded", n);
	claim(row->yielded == yielded, "a row knows that it was yielded", n);
	if (row->version == 0)
		return;
	amendment_of((unsigned)row->version, envelope, holders);
	claim(envelope_is(n, envelope), "an amendment is whole (envelope)", n);
	claim(strcmp(row->holders, holders) == 0 && row->amended &&
		  row->held == (int)(row->version % 2),
	    "an amendment is whole (row)", n);
}

/* Its content is there to the last byte, or gone for good and not missed. */
static int
bytes_as_promised(unsigned n, const struct smx_row *row)
{
	struct smx_content content;
	struct smx_key key = key_of(n);

	if (row->state != SMX_ROW_DONE)
		return same_bytes(n);
	return store.ops->open(store.ctx, &key, &content) == SMX_ENOTFOUND &&
	       envelope_is(n, "MAIL <a@b>\r\nRCPT <c@d>\r\n") && never_again(n);
}

static void
check_key(unsigned n)
{
	const struct expect *e = &expect[n];
	struct smx_key key = key_of(n);
	struct smx_row row;
	int there = store.ops->get(store.ctx, &key, &row) == SMX_OK;

	if (!e->tried)
		claim(!there, "nothing comes from nowhere", n);
	if (e->dropped) {
		claim(!there, "dropped stays dropped", n);
		claim(never_again(n), "dropped never comes again", n);
	} else if (e->kept && !e->drop) {
		claim(there, "promised is there", n);
		claim(there && bytes_as_promised(n, &row),
		    "promised has its bytes", n);
	}
	if (there && e->marked != 0)
		claim((e->marks >> row.state & 1) != 0, "marked stays marked",
		    n);
	if (there)
		check_amended(n, &row);
}

/* ---- the safety net ---- */

/* Nothing is there but what was finished, whole. */
static int
note_kept(void *ctx, struct smx_kept *kept)
{
	unsigned n = (unsigned)kept->row.key.counter;
	char *bytes, *back;

	(void)ctx;
	claim(n < KEYS_MAX && expect[n].drop && expect[n].tried,
	    "the net has what was finished", n);
	if (n >= KEYS_MAX)
		return 0;
	claim(kept->check(kept) == SMX_OK, "the net has sound records", n);
	bytes = bytes_of(kept->row.size, n);
	back = malloc(kept->row.size + 1);
	claim(kept->content.read(kept->content.ctx, 0, back, kept->row.size) ==
		      SMX_OK &&
		  memcmp(bytes, back, kept->row.size) == 0,
	    "the net has the bytes", n);
	free(bytes);
	free(back);
	expect[n].had++;
	return 0;
}

static void
check_net(void)
{
	struct smx_store_stats stats;

	for (unsigned n = 0; n < KEYS_MAX; n++)
		expect[n].had = 0;
	claim(store.ops->kept(store.ctx, 0, INT64_MAX, note_kept, NULL) ==
		  SMX_OK,
	    "the net can be read", 0);
	for (unsigned n = 0; n < KEYS_MAX; n++)
		claim(!expect[n].net || net_missed || expect[n].had != 0,
		    "what was finished is in the net", n);
	claim(store.ops->stats(store.ctx, &stats) == SMX_OK &&
		  stats.net_waiting == 0,
	    "nothing waits for the net for ever", 0);
}

struct state {
	char text[KEYS_MAX * 96];
	size_t len, rows, files;
};

static int
note(void *ctx, const struct smx_row *row)
{
	struct state *state = ctx;

	state->len += (size_t)snprintf(state->text + state->len,
	    sizeof(state->text) - state->len, "%llu %s %d %llu %lld\n",
	    (unsigned long long)row->key.counter, row->primary, (int)row->state,
	    (unsigned long long)row->size, (long long)row->state_ms);
	state->rows++;
	state->files += row->size > BODY_FILE && row->state != SMX_ROW_DONE;
	return state->len + 96 > sizeof(state->text);
}

static size_t
body_files(const char *folder)
{
	char path[4096];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bodies", folder);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.' &&
			 strcmp(entry->d_name, "reserve") != 0;
	closedir(dir);
	return count;
}

static void
take_state(const char *folder, struct state *state)
{
	struct smx_store_filter all = { 0 };
	char value[16] = "";

	memset(state, 0, sizeof(*state));
	claim(store.ops->scan(store.ctx, &all, note, state) == 0, "scan", 0);
	(void)!store.ops->meta_get(store.ctx, "epoch", value, sizeof(value));
	state->len += (size_t)snprintf(state->text + state->len,
	    sizeof(state->text) - state->len, "value %s\n", value);
	/* Files go after their rows, when everybody has been told. */
	for (int i = 0; i < 200 && body_files(folder) != state->files; i++)
		usleep(10000);
	claim(body_files(folder) == state->files,
	    "as many files as rows that name one",
	    (unsigned)body_files(folder));
	claim(strtoul(value, NULL, 10) == value_kept ||
		  strtoul(value, NULL, 10) == value_tried,
	    "the set value is there", value_kept);
}

int
verify(const char *folder, const char *promises)
{
	static struct state first, second;
	FILE *file = fopen(promises, "r");
	char line[128];

	if (file == NULL)
		return 2;
	while (fgets(line, sizeof(line), file) != NULL)
		learn(line);
	fclose(file);
	for (int round = 0; round < 2; round++) {
		if (open_store(folder) != SMX_OK) {
			claim(0, "the store opens again", 0);
			break;
		}
		for (unsigned n = 0; n < KEYS_MAX; n++)
			check_key(n);
		check_net();
		take_state(folder, round == 0 ? &first : &second);
		smx_store_close(&store);
	}
	claim(strcmp(first.text, second.text) == 0,
	    "a second recovery changes nothing", 0);
	printf("%d held, %d broken\n", passed, failed);
	return failed == 0 ? 0 : 1;
}

/* ---- the first version ---- */

int
old(const char *folder, const char *sql)
{
	static const char empty[] = "DROP TABLE shadow; DROP TABLE content;"
				    "DROP TABLE finished; DROP TABLE meta;"
				    "DROP TABLE net;";
	static char text[65536];
	FILE *file = fopen(sql, "r");
	char path[4096];
	struct db *db = NULL;
	int result = open_store(folder);

	if (file == NULL || result != SMX_OK)
		return 2;
	smx_store_close(&store);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	snprintf(path, sizeof(path), "%s/shadows.db", folder);
	result = db_open_writer(&db, path);
	if (result == SMX_OK)
		result = db_exec(db, empty);
	if (result == SMX_OK)
		result = db_exec(db, text);
	db_close(&db);
	return result == SMX_OK ? 0 : 2;
}

int
upgrade(const char *folder)
{
	struct smx_key key = { .incarnation = { 1 } };

	if (open_store(folder) != SMX_OK)
		return 3;
	for (key.counter = 1; key.counter <= 3; key.counter++) {
		struct smx_content content;
		int result = store.ops->open(store.ctx, &key, &content);

		claim(result == SMX_OK, "an old shadow is there",
		    (unsigned)key.counter);
		if (result == SMX_OK)
			store.ops->close_content(store.ctx, &content);
	}
	smx_store_close(&store);
	return failed == 0 ? 0 : 1;
}
