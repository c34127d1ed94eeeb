/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/served_book.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/log.h"
#include "core/idmap.h"
#include "core/servedline.h"
#include "io/fsutil.h"

#define FILE_NAME "served"
#define FILE_NEW  "served.new"
#define LINE_LEN  SERVEDLINE_LEN
#define BATCH     256

struct served {
	struct idnode by_rcpt;
	struct served *next; /* in the order of the file */
	struct servedline is;
};

struct served_book {
	pthread_mutex_t lock;
	int folder, fd;
	int failed; /* what was written is not to be trusted any more */
	uint64_t size;
	size_t lines; /* in the file */
	struct idmap map;
	struct served *first, *last;
	size_t count;
};

/* ---- in memory ---- */

static uint64_t
hash_of(const struct idmap *map, const uint8_t *digest, uint64_t origin,
    uint64_t line)
{
	struct {
		uint8_t digest[SMX_DIGEST_BYTES];
		uint64_t origin, line;
	} all;

	memset(&all, 0, sizeof(all));
	memcpy(all.digest, digest, sizeof(all.digest));
	all.origin = origin;
	all.line = line;
	return idmap_hash(map, &all, sizeof(all));
}

static int
keep(struct served_book *book, const struct servedline *from)
{
	struct served *one = malloc(sizeof(*one));

	if (one == NULL || idmap_reserve(&book->map) != SMX_OK) {
		free(one);
		return SMX_ENOMEM;
	}
	one->is = *from;
	one->next = NULL;
	idmap_add(&book->map, &one->by_rcpt,
	    hash_of(&book->map, one->is.digest, one->is.origin, one->is.line));
	if (book->last != NULL)
		book->last->next = one;
	else
		book->first = one;
	book->last = one;
	book->count++;
	return SMX_OK;
}

static void
forget_first(struct served_book *book)
{
	struct served *one = book->first;

	book->first = one->next;
	if (book->first == NULL)
		book->last = NULL;
	idmap_remove(&book->map, &one->by_rcpt);
	book->count--;
	free(one);
}

/* A clock that was set back makes nobody old. */
static int
is_old(const struct servedline *one, int64_t now_wall_ms)
{
	return now_wall_ms - one->ms > SERVED_KEEP_MS;
}

static void
forget_old(struct served_book *book, int64_t now_wall_ms)
{
	while (book->first != NULL && is_old(&book->first->is, now_wall_ms))
		forget_first(book);
}

static const struct served *
find(const struct served_book *book, const struct resend_message *message,
    size_t rcpt)
{
	uint64_t line = message->rcpts[rcpt].line;
	struct idnode *n = idmap_first(&book->map,
	    hash_of(&book->map, message->digest, message->origin, line));

	for (; n != NULL; n = idmap_next(n)) {
		const struct served *one =
		    (void *)((char *)n - offsetof(struct served, by_rcpt));

		if (one->is.line == line && one->is.origin == message->origin &&
		    memcmp(one->is.digest, message->digest,
			sizeof(one->is.digest)) == 0)
			return one;
	}
	return NULL;
}

/* ---- the file ---- */

static void
log_damage(size_t damaged, size_t torn)
{
	struct log_line l;

	if (damaged == 0 && torn == 0)
		return;
	log_begin(&l, damaged != 0 ? SMX_LOG_ERR : SMX_LOG_NOTICE, NULL,
	    "served-damage");
	log_num(&l, "lines", (int64_t)damaged);
	log_num(&l, "torn_bytes", (int64_t)torn);
	log_end(&l);
}

/* Where the next line begins: lines are of one length, but damage may have
 * taken or added bytes. */
static size_t
skip_damage(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	return end == NULL ? len : (size_t)(end - text) + 1;
}

static int
take_line(struct served_book *book, const struct servedline *one,
    int64_t now_wall_ms)
{
	book->lines++;
	if (is_old(one, now_wall_ms))
		return SMX_OK;
	if (book->count == SERVED_RCPTS_MAX)
		forget_first(book);
	return keep(book, one);
}

/* All whole lines of text; what is left over is less than one.  *used: bytes,
 * without those. */
static int
take_lines(struct served_book *book, const char *text, size_t len,
    int64_t now_wall_ms, size_t *damaged, size_t *used)
{
	struct servedline one;
	size_t at = 0;
	int rc = SMX_OK;

	while (rc == SMX_OK && len - at >= LINE_LEN) {
		if (servedline_read(text + at, &one)) {
			rc = take_line(book, &one, now_wall_ms);
			at += LINE_LEN;
		} else {
			++*damaged;
			book->lines++;
			at += skip_damage(text + at, len - at);
		}
	}
	*used = at;
	return rc;
}

static int
read_file(struct served_book *book, uint64_t size, int64_t now_wall_ms)
{
	size_t room = LINE_LEN * BATCH, have = 0, damaged = 0, used = 0;
	char *text = malloc(room);
	uint64_t at = 0;
	int rc = text == NULL ? SMX_ENOMEM : SMX_OK;

	while (rc == SMX_OK && at < size) {
		size_t more = room - have;

		if (more > size - at)
			more = (size_t)(size - at);
		rc = fs_read_at(book->fd, at, text + have, more);
		if (rc != SMX_OK)
			break;
		have += more;
		at += more;
		rc = take_lines(book, text, have, now_wall_ms, &damaged, &used);
		have -= used;
		memmove(text, text + used, have);
	}
	free(text);
	if (rc != SMX_OK)
		return rc;
	log_damage(damaged, have);
	book->size = size - have;
	if (have != 0 && ftruncate(book->fd, (off_t)book->size) != 0)
		rc = SMX_EIO;
	return rc;
}

static int
write_all(const struct served_book *book, int fd)
{
	char lines[BATCH * LINE_LEN + 1];
	size_t n = 0;
	int rc = SMX_OK;

	for (const struct served *one = book->first;
	     one != NULL && rc == SMX_OK; one = one->next) {
		servedline_write(lines + n * LINE_LEN, &one->is);
		if (++n == BATCH || one->next == NULL) {
			rc = fs_write_all(fd, lines, n * LINE_LEN);
			n = 0;
		}
	}
	return rc;
}

/* The new file is whole and durable before it takes the old one's name. */
static int
rewrite(struct served_book *book)
{
	int fd = -1;
	int rc = fs_unlink(book->folder, FILE_NEW);

	if (rc == SMX_OK)
		rc = fs_create(book->folder, FILE_NEW, &fd);
	if (rc == SMX_OK)
		rc = write_all(book, fd);
	crash_point("served-rewrite-sync");
	if (rc == SMX_OK)
		rc = fs_sync(fd);
	crash_point("served-rewrite-rename");
	if (rc == SMX_OK &&
	    renameat(book->folder, FILE_NEW, book->folder, FILE_NAME) != 0)
		rc = SMX_EIO;
	if (rc != SMX_OK) {
		fs_close(&fd);
		(void)unlinkat(book->folder, FILE_NEW, 0);
		return rc;
	}
	fs_close(&book->fd);
	book->fd = fd;
	book->lines = book->count;
	book->size = book->count * LINE_LEN;
	rc = fs_sync(book->folder);
	crash_point("served-rewritten");
	book->failed = rc != SMX_OK;
	return rc;
}

/* Twice as long as it has to be, and long enough to be worth it. */
static int
is_stale(const struct served_book *book)
{
	return book->lines > BATCH && book->lines > 2 * book->count;
}

static int
open_file(struct served_book *book, const char *folder, int64_t now_wall_ms)
{
	struct stat st;
	int rc = fs_open_folder(AT_FDCWD, folder, &book->folder);

	if (rc == SMX_OK)
		rc = fs_open_or_create(book->folder, FILE_NAME, &book->fd);
	if (rc == SMX_OK)
		rc = fs_sync(book->folder);
	if (rc == SMX_OK && fstat(book->fd, &st) != 0)
		rc = SMX_EIO;
	if (rc == SMX_OK)
		rc = read_file(book, (uint64_t)st.st_size, now_wall_ms);
	/* What the last process wrote may be in no more than memory. */
	if (rc == SMX_OK)
		rc = fs_sync(book->fd);
	if (rc == SMX_OK && is_stale(book))
		rc = rewrite(book);
	return rc;
}

int
served_book_open(struct served_book **out, const char *folder,
    int64_t now_wall_ms, char *why, size_t why_size)
{
	struct served_book *book = calloc(1, sizeof(*book));
	int rc = SMX_ENOMEM;

	if (book != NULL) {
		book->folder = book->fd = -1;
		pthread_mutex_init(&book->lock, NULL);
		/* What is hashed has a SHA-256 in it. */
		idmap_init(&book->map, (uint64_t)now_wall_ms);
		rc = open_file(book, folder, now_wall_ms);
	}
	if (rc != SMX_OK) {
		(void)snprintf(why, why_size, "%s/%s: %s", folder, FILE_NAME,
		    smx_strerror(rc));
		served_book_close(&book);
		return rc;
	}
	*out = book;
	return SMX_OK;
}

void
served_book_close(struct served_book **book)
{
	struct served_book *b = *book;

	*book = NULL;
	if (b == NULL)
		return;
	while (b->first != NULL)
		forget_first(b);
	idmap_free(&b->map);
	fs_close(&b->fd);
	fs_close(&b->folder);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* ---- writing ---- */

static struct servedline
describe(const struct resend_message *message, size_t rcpt, int64_t now_wall_ms)
{
	struct servedline one = { .ms = now_wall_ms < 0 ? 0 : now_wall_ms,
		.origin = message->origin,
		.line = message->rcpts[rcpt].line };

	memcpy(one.digest, message->digest, sizeof(one.digest));
	return one;
}

static size_t
marked(const struct resend_message *message, const unsigned char *served)
{
	size_t n = 0;

	for (size_t i = 0; i < message->count; i++)
		n += served[i] != 0;
	return n;
}

/* What was half written is taken back, so that the next line begins at its
 * place. */
static int
append(struct served_book *book, const char *text, size_t len)
{
	int rc = SMX_OK;

	if (lseek(book->fd, (off_t)book->size, SEEK_SET) < 0)
		rc = SMX_EIO;
	crash_point("served-write");
	if (rc == SMX_OK)
		rc = fs_write_all(book->fd, text, len);
	if (rc != SMX_OK) {
		if (ftruncate(book->fd, (off_t)book->size) != 0)
			book->failed = 1;
		return rc;
	}
	crash_point("served-sync");
	rc = fs_sync(book->fd);
	crash_point("served-synced");
	if (rc != SMX_OK)
		book->failed = 1;
	else
		book->size += len;
	return rc == SMX_OK || rc == SMX_EFULL ? rc : SMX_EIO;
}

static int
add_lines(struct served_book *book, const struct resend_message *message,
    const unsigned char *served, size_t count, int64_t now_wall_ms)
{
	char *text = malloc(count * LINE_LEN + 1);
	size_t n = 0;
	int rc;

	if (text == NULL)
		return SMX_EIO;
	for (size_t i = 0; i < message->count; i++) {
		struct servedline one = describe(message, i, now_wall_ms);

		if (served[i])
			servedline_write(text + n++ * LINE_LEN, &one);
	}
	rc = append(book, text, n * LINE_LEN);
	free(text);
	if (rc != SMX_OK)
		return rc;
	book->lines += n;
	for (size_t i = 0; i < message->count && rc == SMX_OK; i++) {
		struct servedline one = describe(message, i, now_wall_ms);

		if (served[i])
			rc = keep(book, &one);
	}
	/* On disk, but this process would not know it. */
	return rc == SMX_OK ? SMX_OK : SMX_EIO;
}

int
served_book_add(struct served_book *book, const struct resend_message *message,
    const unsigned char *served, int64_t now_wall_ms)
{
	size_t count = marked(message, served);
	int rc = SMX_OK;

	if (count == 0)
		return SMX_OK;
	pthread_mutex_lock(&book->lock);
	forget_old(book, now_wall_ms);
	if (book->failed)
		rc = SMX_EIO;
	else if (book->count + count > SERVED_RCPTS_MAX)
		rc = SMX_EFULL;
	else if (is_stale(book))
		(void)rewrite(book); /* the old file is as good */
	if (rc == SMX_OK && book->failed)
		rc = SMX_EIO;
	if (rc == SMX_OK)
		rc = add_lines(book, message, served, count, now_wall_ms);
	pthread_mutex_unlock(&book->lock);
	return rc;
}

size_t
served_book_look(struct served_book *book, const struct resend_message *message,
    unsigned char *served, int64_t now_wall_ms)
{
	size_t n = 0;

	pthread_mutex_lock(&book->lock);
	for (size_t i = 0; i < message->count; i++) {
		const struct served *one =
		    book->count == 0 ? NULL : find(book, message, i);

		served[i] = one != NULL && !is_old(&one->is, now_wall_ms);
		n += served[i];
	}
	pthread_mutex_unlock(&book->lock);
	return n;
}

size_t
served_book_count(struct served_book *book)
{
	size_t count;

	pthread_mutex_lock(&book->lock);
	count = book->count;
	pthread_mutex_unlock(&book->lock);
	return count;
}
