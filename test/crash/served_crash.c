/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/served_book.h"

/*
 * served_crash run FOLDER		messages into a book in FOLDER
 * served_crash verify FOLDER PROMISES	does it know what was promised?
 *
 * run writes "TRY n" before message n is written down and "OK n" the moment the
 * book has said so; "OPEN n" when it is opened again at that time.
 */
#define MESSAGES 36
#define RCPTS    40
#define START    INT64_C(1800000000000)
#define DAY      (INT64_C(24) * 3600 * 1000)

static struct served_book *book;
static struct resend_rcpt rcpts[RCPTS];
static struct resend_message message;
static unsigned char marks[RCPTS];

/* Twice so long passes that all that is there is too old, and there is enough
 * of it that the book is written anew: while it is used, and when it is opened.
 */
static int64_t
when(unsigned n)
{
	return START + n + (n >= 16 ? 8 * DAY : 0) + (n >= 32 ? 8 * DAY : 0);
}

static int
opens_before(unsigned n)
{
	return n == 8 || n == 32;
}

static void
describe(unsigned n)
{
	memset(&message, 0, sizeof(message));
	(void)snprintf((char *)message.digest, sizeof(message.digest), "%u", n);
	message.origin = UINT64_C(1234567) * (n + 1);
	message.count = RCPTS;
	message.rcpts = rcpts;
	for (size_t i = 0; i < RCPTS; i++) {
		rcpts[i] = (struct resend_rcpt){ n * UINT64_C(1000003) + i, i };
		marks[i] = i % 2 == 0;
	}
}

static void
say(const char *word, unsigned n)
{
	char line[64];
	struct iovec iov = { .iov_base = line };
	int len = snprintf(line, sizeof(line), "%s %u\n", word, n);

	/* no call that the book uses */
	iov.iov_len = (size_t)len;
	if (writev(STDOUT_FILENO, &iov, 1) != len)
		_exit(5);
}

static int
open_book(const char *folder, int64_t now)
{
	char why[256] = "";

	if (served_book_open(&book, folder, now, why, sizeof(why)) == SMX_OK)
		return 1;
	fprintf(stderr, "%s\n", why);
	return 0;
}

static int
add(unsigned n)
{
	describe(n);
	return served_book_add(book, &message, marks, when(n)) == SMX_OK;
}

static int
run(const char *folder)
{
	if (!open_book(folder, when(0)))
		return 2;
	for (unsigned n = 0; n < MESSAGES; n++) {
		if (opens_before(n)) {
			served_book_close(&book);
			say("OPEN", n);
			if (!open_book(folder, when(n)))
				return 2;
		}
		say("TRY", n);
		if (!add(n))
			return 3;
		say("OK", n);
	}
	served_book_close(&book);
	return 0;
}

/* ---- afterwards ---- */

static int
not_so(const char *what, unsigned n)
{
	printf("not so: %s %u\n", what, n);
	return 1;
}

/* Are those that were marked known, and nobody else? */
static size_t
known(unsigned n, int64_t now, int *others)
{
	unsigned char seen[RCPTS];
	size_t count = 0;

	describe(n);
	(void)served_book_look(book, &message, seen, now);
	for (size_t i = 0; i < RCPTS; i++) {
		count += seen[i] && marks[i];
		*others |= seen[i] && !marks[i];
	}
	return count;
}

static int
judge(const unsigned char *tried, const unsigned char *promised, unsigned last)
{
	int others = 0, bad = 0;

	for (unsigned n = 0; n < MESSAGES; n++) {
		size_t count = known(n, when(last), &others);

		if (promised[n] && when(last) - when(n) < 7 * DAY &&
		    count != RCPTS / 2)
			bad |= not_so("known is", n);
		if (!tried[n] && count != 0)
			bad |= not_so("never tried was", n);
	}
	return bad || (others && not_so("served were only the marked of", 0));
}

static void
read_promises(const char *path, unsigned char *tried, unsigned char *promised,
    unsigned *last)
{
	FILE *f = fopen(path, "r");
	char word[8];
	unsigned n;

	if (f == NULL)
		_exit(4);
	while (fscanf(f, "%7s %u", word, &n) == 2) {
		if (n >= MESSAGES)
			_exit(4);
		tried[n] |= strcmp(word, "OPEN") != 0;
		promised[n] |= strcmp(word, "OK") == 0;
		*last = n;
	}
	fclose(f);
}

/* Whatever was left, it goes on with the next message. */
static int
verify(const char *folder, const char *promises)
{
	unsigned char tried[MESSAGES] = { 0 }, promised[MESSAGES] = { 0 };
	unsigned last = 0;
	int others = 0, bad;

	read_promises(promises, tried, promised, &last);
	if (!open_book(folder, when(last)))
		return not_so("it can be opened after", last);
	bad = judge(tried, promised, last);
	tried[last] = promised[last] = 1;
	if (!add(last))
		bad |= not_so("written again is", last);
	served_book_close(&book);
	if (!open_book(folder, when(last)))
		return not_so("it can be opened again after", last);
	bad |= judge(tried, promised, last);
	if (known(last, when(last), &others) != RCPTS / 2)
		bad |= not_so("written is", last);
	served_book_close(&book);
	return bad;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "run") == 0)
		return run(argv[2]);
	if (argc == 4 && strcmp(argv[1], "verify") == 0)
		return verify(argv[2], argv[3]);
	return 64;
}
