/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGE_BYTES 160

void
conf_text_init(struct conf_text *t, struct problems *problems,
    struct conf_budget *budget)
{
	memset(t, 0, sizeof(*t));
	t->problems = problems;
	t->budget = budget;
	buf_init(&t->text, 0);
}

void
conf_text_free(struct conf_text *t)
{
	for (size_t i = 0; i < t->file_count; i++)
		free(t->files[i]);
	free(t->files);
	free(t->places);
	free(t->values);
	buf_free(&t->text);
	memset(t, 0, sizeof(*t));
}

/* Room for one more item; the array grows by half. */
static void *
grow(struct conf_text *t, void *items, size_t count, size_t *room, size_t size)
{
	size_t want = *room < 64 ? 64 : *room + *room / 2;
	void *more;

	if (count < *room)
		return items;
	more = realloc(items, want * size);
	if (more == NULL) {
		t->no_memory = 1;
		return NULL;
	}
	*room = want;
	return more;
}

int
conf_text_line(struct conf_text *t, uint32_t file, uint32_t line)
{
	void *more = grow(t, t->places, t->place_count, &t->place_room,
	    sizeof(*t->places));

	if (more == NULL)
		return SMX_ENOMEM;
	t->places = more;
	t->places[t->place_count++] = (struct conf_place){ file, line };
	return SMX_OK;
}

int
conf_text_value(struct conf_text *t)
{
	void *more = grow(t, t->values, t->value_count, &t->value_room,
	    sizeof(*t->values));

	if (more == NULL)
		return SMX_ENOMEM;
	t->values = more;
	t->values[t->value_count++] = (uint32_t)t->place_count;
	return SMX_OK;
}

uint32_t
conf_text_name(struct conf_text *t, const char *path)
{
	char **files = realloc(t->files, (t->file_count + 1) * sizeof(*files));
	char *copy = strdup(path);

	if (files != NULL)
		t->files = files;
	if (files == NULL || copy == NULL) {
		free(copy);
		t->no_memory = 1;
		return 0;
	}
	t->files[t->file_count++] = copy;
	return (uint32_t)(t->file_count - 1);
}

const char *
conf_text_place(const struct conf_text *t, unsigned line, int *out_line)
{
	const struct conf_place *place;

	*out_line = 0;
	if (t->place_count == 0)
		return "";
	if (line == 0 || line > t->place_count)
		line = (unsigned)t->place_count;
	place = &t->places[line - 1];
	*out_line = (int)place->line;
	return t->files[place->file];
}

/* ---- files ---- */

static int
read_all(int fd, struct buf *b)
{
	ssize_t n;

	do {
		if (buf_reserve(b, 65536) != SMX_OK)
			return b->error;
		n = read(fd, b->data + b->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SMX_EIO;
		b->len += (size_t)n;
		b->data[b->len] = '\0';
	} while (n != 0 && b->len <= CONF_FILE_MAX);
	return b->len > CONF_FILE_MAX ? SMX_ELIMIT : SMX_OK;
}

/* NULL when the open file is one to read. */
static const char *
kind_wrong(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return "it cannot be examined";
	if (S_ISDIR(st.st_mode))
		return "this is a folder, not a file";
	if (!S_ISREG(st.st_mode))
		return "this is not a regular file";
	if (st.st_size > (off_t)CONF_FILE_MAX)
		return "the file is larger than 16 MiB";
	return NULL;
}

static const char *
content_wrong(struct conf_text *t, const struct buf *b, int result)
{
	if (result == SMX_ENOMEM)
		t->no_memory = 1;
	if (result == SMX_ELIMIT)
		return "the file is larger than 16 MiB";
	if (result != SMX_OK)
		return "it cannot be read";
	if (b->len != 0 && memchr(b->data, '\0', b->len) != NULL)
		return "the file holds a NUL byte";
	t->budget->bytes += b->len;
	if (t->budget->bytes > CONF_TOTAL_MAX)
		return "all files together are larger than 64 MiB";
	return NULL;
}

static const char *
open_wrong(char message[MESSAGE_BYTES])
{
	char why[96];

	snprintf(message, MESSAGE_BYTES, "it cannot be opened: %s",
	    text_errno(why, sizeof(why), errno));
	return message;
}

char *
conf_slurp(struct conf_text *t, const char *path, const char *at, int line,
    size_t *len)
{
	char message[MESSAGE_BYTES];
	const char *wrong;
	struct buf b;
	int fd;

	buf_init(&b, 0);
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	wrong = fd < 0 ? open_wrong(message) : kind_wrong(fd);
	if (wrong == NULL && ++t->budget->files > CONF_FILES_MAX)
		wrong = "more than 1000 files";
	if (wrong == NULL)
		wrong = content_wrong(t, &b, read_all(fd, &b));
	if (fd >= 0)
		close(fd);
	if (wrong != NULL) {
		problem_file(t->problems, at, line, path, wrong,
		    "a readable regular file");
		buf_free(&b);
		return NULL;
	}
	return buf_take(&b, len);
}

static int
finish(struct conf_text *t)
{
	return t->no_memory || buf_error(&t->text) != SMX_OK ? SMX_ENOMEM
							     : SMX_OK;
}

int
conf_text_file(struct conf_text *t, const char *path)
{
	size_t len;
	char *content = conf_slurp(t, path, path, 0, &len);

	if (content != NULL)
		conf_scan(t, path, content, len, 0);
	free(content);
	return finish(t);
}

int
conf_text_string(struct conf_text *t, const char *name, const char *text)
{
	size_t len = strlen(text);

	if (len > CONF_FILE_MAX)
		problem_file(t->problems, name, 0, "",
		    "the text is larger than 16 MiB", "");
	else
		conf_scan(t, name, text, len, 0);
	return finish(t);
}
