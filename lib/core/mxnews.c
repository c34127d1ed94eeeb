/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxnews.h"

#include <stdlib.h>
#include <string.h>

void
mxnews_init(struct mxnews *news)
{
	memset(news, 0, sizeof(*news));
}

void
mxnews_free(struct mxnews *news)
{
	for (size_t i = 0; i < news->count; i++)
		free(news->items[i].subject);
	free(news->items);
	free(news->hosts);
	free(news->sts_id);
	mxnews_init(news);
}

/* ---- what is remembered ---- */

static struct mxnews_item *
item_find(const struct mxnews *news, enum mxcheck_what what,
    const char *subject)
{
	for (size_t i = 0; i < news->count; i++)
		if (news->items[i].what == what &&
		    strcmp(news->items[i].subject, subject) == 0)
			return &news->items[i];
	return NULL;
}

/* NULL: no memory, or too many. */
static struct mxnews_item *
item_add(struct mxnews *news, enum mxcheck_what what, const char *subject,
    size_t len)
{
	struct mxnews_item *items;
	char *copy;

	if (news->count == MXNEWS_MAX)
		return NULL;
	items = realloc(news->items, (news->count + 1) * sizeof(*items));
	if (items == NULL)
		return NULL;
	news->items = items;
	copy = malloc(len + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, subject, len);
	copy[len] = '\0';
	items[news->count] =
	    (struct mxnews_item){ .what = what, .subject = copy };
	return &items[news->count++];
}

static void
item_drop(struct mxnews *news, size_t i)
{
	free(news->items[i].subject);
	news->items[i] = news->items[--news->count];
}

static int
keep(char **out, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	if (copy == NULL)
		return SMX_ENOMEM;
	memcpy(copy, text, size);
	free(*out);
	*out = copy;
	return SMX_OK;
}

/* ---- from and to what is written down ---- */

static int
told_read(struct mxnews *news, const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	size_t word = space != NULL ? (size_t)(space - line) : len;
	enum mxcheck_what what = mxcheck_find(line, word);
	struct mxnews_item *item;

	if (what == 0 || news->count == MXNEWS_MAX)
		return SMX_OK;
	if (space != NULL)
		word++;
	item = item_add(news, what, line + word, len - word);
	if (item == NULL)
		return SMX_ENOMEM;
	item->looks = mxcheck_patience(what);
	item->told = 1;
	return SMX_OK;
}

int
mxnews_load(struct mxnews *news, const char *hosts, const char *sts_id,
    const char *told, int64_t told_ms)
{
	int rc = keep(&news->hosts, hosts);

	if (rc == SMX_OK)
		rc = keep(&news->sts_id, sts_id);
	while (rc == SMX_OK && *told != '\0') {
		size_t len = strcspn(told, "\n");

		rc = told_read(news, told, len);
		told += len + (told[len] == '\n');
	}
	news->told_ms = news->count != 0 ? told_ms : 0;
	return rc;
}

void
mxnews_told(const struct mxnews *news, struct buf *out)
{
	for (size_t i = 0; i < news->count; i++) {
		const struct mxnews_item *item = &news->items[i];

		if (item->told)
			(void)buf_fmt(out, "%s%s%s\n", mxcheck_word(item->what),
			    item->subject[0] != '\0' ? " " : "", item->subject);
	}
}

int
mxnews_is_told(const struct mxnews *news, enum mxcheck_what what,
    const char *subject)
{
	const struct mxnews_item *item = item_find(news, what, subject);

	return item != NULL && item->told;
}

/* ---- a look ---- */

static int
found(struct mxnews *news, const struct mxcheck_finding *f, mxnews_fn tell,
    void *ctx)
{
	struct mxnews_item *item = item_find(news, f->what, f->subject);

	if (mxcheck_is_event(f->what)) {
		tell(ctx, f->what, f->level, f->subject, f->text);
		return SMX_OK;
	}
	if (item == NULL)
		item = item_add(news, f->what, f->subject, strlen(f->subject));
	if (item == NULL)
		return SMX_ENOMEM;
	if (item->here)
		return SMX_OK;
	item->here = 1;
	item->looks++;
	if (item->told || item->looks < mxcheck_patience(f->what))
		return SMX_OK;
	item->told = 1;
	news->changed = 1;
	tell(ctx, f->what, f->level, f->subject, f->text);
	return SMX_OK;
}

/* Those that this look did not find, though it would have. */
static void
settle(struct mxnews *news, const struct mxcheck_look *look, mxnews_fn tell,
    void *ctx)
{
	for (size_t i = news->count; i > 0; i--) {
		struct mxnews_item *item = &news->items[i - 1];

		if (item->here ||
		    !mxcheck_knows(look, item->what, item->subject))
			continue;
		if (item->told) {
			news->changed = 1;
			tell(ctx, item->what, MXLEVEL_GOOD, item->subject,
			    NULL);
		}
		item_drop(news, i - 1);
	}
}

/* What is there from now on. */
static int
take_over(struct mxnews *news, const struct mxcheck_look *look)
{
	struct buf hosts;
	int rc = SMX_OK;

	buf_init(&hosts, 0);
	mxcheck_hosts(look, &hosts);
	if (buf_error(&hosts) != SMX_OK)
		rc = SMX_ENOMEM;
	else if (hosts.len != 0 && (news->hosts == NULL ||
				       strcmp(news->hosts, hosts.data) != 0)) {
		rc = keep(&news->hosts, hosts.data);
		news->changed = 1;
	}
	buf_free(&hosts);
	if (rc == SMX_OK && look->set != MXSET_UNSURE &&
	    look->sts != THERE_UNSURE && look->sts_count <= 1 &&
	    strcmp(news->sts_id != NULL ? news->sts_id : "", look->sts_id) !=
		0) {
		rc = keep(&news->sts_id, look->sts_id);
		news->changed = 1;
	}
	return rc;
}

static void
since(struct mxnews *news, int64_t now_ms)
{
	int any = 0;

	for (size_t i = 0; i < news->count; i++)
		any |= news->items[i].told;
	if (!any)
		news->told_ms = 0;
	else if (news->told_ms == 0)
		news->told_ms = now_ms;
}

int
mxnews_look(struct mxnews *news, const struct mxcheck_look *look,
    int64_t now_wall_ms, struct mxcheck_findings *out, mxnews_fn tell,
    void *ctx)
{
	struct mxcheck_known known = {
		.hosts = news->hosts != NULL ? news->hosts : "",
		.sts_id = news->sts_id != NULL ? news->sts_id : "",
	};
	int result = SMX_OK, rc;

	mxcheck(look, &known, out);
	for (size_t i = 0; i < news->count; i++)
		news->items[i].here = 0;
	for (size_t i = 0; i < out->count; i++) {
		rc = found(news, &out->list[i], tell, ctx);
		if (rc != SMX_OK)
			result = rc;
	}
	settle(news, look, tell, ctx);
	since(news, now_wall_ms);
	rc = take_over(news, look);
	return rc != SMX_OK ? rc : result;
}

int
mxnews_is_waiting(const struct mxnews *news)
{
	for (size_t i = 0; i < news->count; i++)
		if (!news->items[i].told)
			return 1;
	return 0;
}
