/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/fencebook.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/key.h"
#include "io/fsutil.h"

/* A line: "+ KEY EPOCH QUEUEID" or "- KEY"; of one key the last one counts. */
#define FILE_NAME "fenced"
#define LINE_SIZE 256
#define LINES_MAX 1000000

struct fencebook {
	int fd;
	int filled;
};

/* A line of the file. */
struct noted {
	struct fencebook_entry entry;
	size_t number;
	int held;
};

struct notes {
	struct noted *list;
	size_t count;
	size_t size;
};

int
fencebook_open(struct fencebook **out, const char *folder)
{
	struct fencebook *b = calloc(1, sizeof(*b));
	int dir = -1;
	int rc =
	    b == NULL ? SMX_ENOMEM : fs_open_folder(AT_FDCWD, folder, &dir);

	if (rc == SMX_OK)
		rc = fs_open_or_create(dir, FILE_NAME, &b->fd);
	if (rc == SMX_OK && fs_sync(dir) != SMX_OK) {
		fs_close(&b->fd);
		rc = SMX_EIO;
	}
	fs_close(&dir);
	if (rc != SMX_OK) {
		free(b);
		return rc;
	}
	b->filled = 1;
	*out = b;
	return SMX_OK;
}

void
fencebook_close(struct fencebook **book)
{
	struct fencebook *b = *book;

	*book = NULL;
	if (b == NULL)
		return;
	fs_close(&b->fd);
	free(b);
}

/* ---- writing ---- */

static int
append(struct fencebook *book, struct buf *text)
{
	int rc = buf_error(text);

	if (rc == SMX_OK && lseek(book->fd, 0, SEEK_END) < 0)
		rc = SMX_EIO;
	if (rc == SMX_OK && text->len != 0) {
		book->filled = 1;
		rc = fs_write_all(book->fd, text->data, text->len);
	}
	buf_free(text);
	return rc;
}

int
fencebook_hold(struct fencebook *book, const struct fencebook_entry *entries,
    size_t count)
{
	char key[SMX_KEY_TEXT], epoch[SMX_EPOCH_TEXT];
	struct buf text;
	int rc;

	if (count == 0)
		return SMX_OK;
	/* After what was left of a line that could not be written. */
	buf_init(&text, 0);
	buf_str(&text, "\n");
	for (size_t i = 0; i < count; i++) {
		smx_key_format(&entries[i].key, key);
		smx_epoch_format(&entries[i].epoch, epoch);
		buf_str(&text, "+ ");
		buf_str(&text, key);
		buf_str(&text, " ");
		buf_str(&text, epoch);
		buf_str(&text, " ");
		buf_str(&text, entries[i].queue_id);
		buf_str(&text, "\n");
	}
	rc = append(book, &text);
	return rc == SMX_OK ? fs_sync(book->fd) : rc;
}

void
fencebook_free(struct fencebook *book, const struct smx_key *keys, size_t count)
{
	char key[SMX_KEY_TEXT];
	struct buf text;

	buf_init(&text, 0);
	for (size_t i = 0; i < count; i++) {
		smx_key_format(&keys[i], key);
		buf_str(&text, "- ");
		buf_str(&text, key);
		buf_str(&text, "\n");
	}
	(void)append(book, &text); /* a line too many stays */
}

void
fencebook_clear(struct fencebook *book)
{
	if (book->filled && ftruncate(book->fd, 0) == 0)
		book->filled = 0;
}

/* ---- reading ---- */

static int
parse(char *line, struct noted *out)
{
	char *key = line + 2, *epoch, *id;

	line[strcspn(line, "\n")] = '\0';
	if ((line[0] != '+' && line[0] != '-') || line[1] != ' ')
		return 0;
	memset(out, 0, sizeof(*out));
	out->held = line[0] == '+';
	epoch = strchr(key, ' ');
	if (!out->held)
		return epoch == NULL && smx_key_parse(key, strlen(key),
					    &out->entry.key) == SMX_OK;
	id = epoch == NULL ? NULL : strchr(epoch + 1, ' ');
	if (id == NULL)
		return 0;
	*epoch++ = *id++ = '\0';
	return smx_key_parse(key, strlen(key), &out->entry.key) == SMX_OK &&
	       smx_epoch_parse(epoch, strlen(epoch), &out->entry.epoch) ==
		   SMX_OK &&
	       id[0] != '\0' && strchr(id, ' ') == NULL &&
	       !text_copy(out->entry.queue_id, sizeof(out->entry.queue_id), id);
}

static int
add(struct notes *notes, const struct noted *one)
{
	if (notes->count == notes->size) {
		size_t size = notes->size == 0 ? 256 : notes->size * 2;
		struct noted *list = realloc(notes->list, size * sizeof(*list));

		if (list == NULL)
			return SMX_ENOMEM;
		notes->list = list;
		notes->size = size;
	}
	notes->list[notes->count] = *one;
	notes->list[notes->count].number = notes->count;
	notes->count++;
	return SMX_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct noted *x = a, *y = b;
	int order = smx_key_compare(&x->entry.key, &y->entry.key);

	if (order != 0)
		return order;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int
read_all(FILE *file, struct notes *notes)
{
	char line[LINE_SIZE];
	struct noted one;
	int rc = SMX_OK;

	rewind(file);
	while (rc == SMX_OK && notes->count < LINES_MAX &&
	       fgets(line, sizeof(line), file) != NULL)
		if (parse(line, &one))
			rc = add(notes, &one);
	return rc == SMX_OK && ferror(file) ? SMX_EIO : rc;
}

int
fencebook_each(struct fencebook *book,
    void (*each)(void *ctx, const struct fencebook_entry *entry), void *ctx)
{
	int fd = dup(book->fd);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct notes notes = { 0 };
	int rc;

	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return SMX_EIO;
	}
	rc = read_all(file, &notes);
	fclose(file);
	if (notes.count != 0)
		qsort(notes.list, notes.count, sizeof(*notes.list), compare);
	for (size_t i = 0; rc == SMX_OK && i < notes.count; i++)
		if (notes.list[i].held &&
		    (i + 1 == notes.count ||
			smx_key_compare(&notes.list[i].entry.key,
			    &notes.list[i + 1].entry.key) != 0))
			each(ctx, &notes.list[i].entry);
	free(notes.list);
	return rc;
}
