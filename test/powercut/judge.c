/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "guest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expect {
	uint8_t tried, kept;
	uint8_t claim, claimed;
	uint8_t drop, dropped;
	uint16_t amends; /* a bit for each version attempted */
	uint8_t amended; /* the highest promised */
};

static struct expect expect[KEYS_MAX];
static unsigned used;
static unsigned long kept, lost, undone, wrong, unexpected;

static void
learn(const char *line)
{
	unsigned n = 0, version = 0;
	struct expect *e;
	char word[16];

	if (sscanf(line, "%15s %u %u", word, &n, &version) < 2 || n >= KEYS_MAX)
		return;
	e = &expect[n];
	if (n >= used)
		used = n + 1;
	if (strcmp(word, "PUT") == 0)
		e->tried = 1;
	if (strcmp(word, "KEPT") == 0 || strcmp(word, "THERE") == 0)
		e->kept = 1;
	if (strcmp(word, "THERE") == 0)
		e->drop = 0; /* an attempt that never happened */
	if (strcmp(word, "AMEND") == 0)
		e->amends |= (uint16_t)(1u << (version & 15));
	if (strcmp(word, "AMENDED") == 0 && version > e->amended)
		e->amended = (uint8_t)version;
	e->claim |= strcmp(word, "CLAIM") == 0;
	e->claimed |= strcmp(word, "CLAIMED") == 0;
	e->drop |= strcmp(word, "DROP") == 0;
	e->dropped |= strcmp(word, "DROPPED") == 0;
	if (strcmp(word, "GONE") == 0)
		e->tried = e->kept = 0; /* and may never turn up again */
}

static void
learn_all(const char *said)
{
	FILE *file = fopen(said, "r");
	char line[512];

	/* The first boot has nothing; a line that was cut is no promise. */
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strchr(line, '\n') != NULL)
			learn(line);
	if (file != NULL)
		fclose(file);
}

static void
broken(unsigned long *count, const char *what, unsigned n, int result)
{
	(*count)++;
	say("NOT %s: %u %s\n", what, n, smx_errname(result));
}

static int
same_bytes(unsigned n)
{
	struct smx_key key = key_of(n);
	struct smx_content content;
	char *bytes, *back;
	int same, result = store.ops->open(store.ctx, &key, &content);

	if (result != SMX_OK)
		return result;
	bytes = bytes_of(n);
	back = malloc(size_of(n) + 1);
	same = content.size == size_of(n) &&
	       content.read(content.ctx, 0, back, size_of(n)) == SMX_OK &&
	       memcmp(bytes, back, size_of(n)) == 0;
	store.ops->close_content(store.ctx, &content);
	free(bytes);
	free(back);
	return same ? SMX_OK : SMX_ECONFLICT;
}

static int
same_envelope(unsigned n, unsigned version)
{
	struct smx_key key = key_of(n);
	char want[128], *text = NULL;
	size_t len = 0;
	int result = store.ops->envelope(store.ctx, &key, &text, &len, NULL);

	envelope_of(n, version, want);
	if (result == SMX_OK &&
	    (len != strlen(want) || memcmp(want, text, len) != 0))
		result = SMX_ECONFLICT;
	free(text);
	return result;
}

static int
never_again(unsigned n)
{
	struct smx_draft *draft = NULL;
	int result = begin(n, &draft);

	if (result == SMX_OK)
		store.ops->abort(store.ctx, &draft);
	return result;
}

static void
check_there(unsigned n, const struct smx_row *row)
{
	const struct expect *e = &expect[n];
	int result = same_bytes(n);

	if (result == SMX_OK)
		result = same_envelope(n, (unsigned)row->version);
	if (result != SMX_OK)
		broken(result == SMX_ECONFLICT || !e->kept ? &wrong : &lost,
		    "as it was", n, result);
	if (row->version < e->amended ||
	    (row->version != 0 &&
		(row->version > 15 || (e->amends >> row->version & 1) == 0)))
		broken(&undone, "amended", n, SMX_OK);
	if ((e->claimed && row->state != SMX_ROW_CLAIMED) ||
	    (!e->claim && row->state != SMX_ROW_SHADOW))
		broken(&undone, "claimed", n, SMX_OK);
	if (row->unsound)
		broken(&wrong, "vouched for", n, SMX_OK);
}

static void
check_key(unsigned n)
{
	const struct expect *e = &expect[n];
	struct smx_key key = key_of(n);
	struct smx_row row;
	int result = store.ops->get(store.ctx, &key, &row);
	int there = result == SMX_OK;

	kept += e->kept;
	if (there && !e->tried)
		broken(&unexpected, "to be there", n, result);
	else if (there && e->dropped)
		broken(&undone, "dropped", n, result);
	else if (there)
		check_there(n, &row);
	else if (e->kept && !e->drop)
		broken(&lost, "there", n, result);
	if (e->dropped && (result = never_again(n)) != SMX_EGONE)
		broken(&undone, "gone for ever", n, result);
	/* What nobody was told of is settled by what there is. */
	if (e->tried && !e->dropped && (!e->kept || e->drop))
		say("%s %u\n", there ? "THERE" : "GONE", n);
}

static int
look_for_strangers(void *ctx, const struct smx_row *row)
{
	struct smx_key key = key_of((unsigned)row->key.counter);

	(void)ctx;
	if (smx_key_compare(&key, &row->key) != 0 || row->key.counter >= used)
		broken(&unexpected, "known", (unsigned)row->key.counter, 0);
	return 0;
}

static void
summary(void)
{
	say("JUDGED kept %lu lost %lu undone %lu wrong %lu unexpected %lu\n",
	    kept, lost, undone, wrong, unexpected);
}

unsigned
judge(const char *said)
{
	struct smx_store_filter all = { 0 };
	int result;

	learn_all(said);
	for (unsigned n = 0; n < used; n++)
		check_key(n);
	result = store.ops->scan(store.ctx, &all, look_for_strangers, NULL);
	if (result != SMX_OK)
		broken(&wrong, "to be read", 0, result);
	summary();
	return used;
}

void
judge_refused(const char *said, const char *why)
{
	learn_all(said);
	say("NOT opened: %s\n", why);
	for (unsigned n = 0; n < used; n++) {
		kept += expect[n].kept;
		lost += expect[n].kept && !expect[n].drop;
	}
	/* Nothing was promised yet: that the disk is bad is all the same wrong.
	 */
	wrong += lost == 0;
	summary();
}
