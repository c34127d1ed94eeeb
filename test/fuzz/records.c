/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "base/buf.h"
#include "core/smtpdata.h"
#include "core/takeover.h"
#include "io/fencebook.h"
#include "io/onecopy.h"
#include "io/pfqueue_marker.h"

/* What this host finds in its own files, and what it makes of others' words. */

/* ---- the queue's marker ---- */

static void
marker_run(const char *data, size_t len)
{
	struct pfmarker_record r, again;
	char text[PFMARKER_TEXT], text2[PFMARKER_TEXT],
	    *ended = malloc(len + 1);
	size_t n;
	int rc;

	fuzz_must(ended != NULL, "memory");
	memcpy(ended, data, len);
	ended[len] = '\0';
	memset(&r, 0, sizeof(r));
	rc = len < PFMARKER_TEXT ? pfmarker_parse(ended, len, &r) : SMX_EINVAL;
	free(ended);
	if (rc != SMX_OK)
		return;
	fuzz_saw(1 + (unsigned)r.lineage.spans);
	fuzz_saw(100 + (unsigned)(r.clean != 0) * 2 +
		 (unsigned)(r.lineage.forgot != 0));
	n = pfmarker_format(&r, text, sizeof(text));
	fuzz_must(n < sizeof(text), "it fits");
	memset(&again, 0, sizeof(again));
	fuzz_must(pfmarker_parse(text, n, &again) == SMX_OK,
	    "what is written can be read");
	fuzz_must(pfmarker_format(&again, text2, sizeof(text2)) == n &&
		      memcmp(text, text2, n) == 0,
	    "and is the same");
}

static const char *const marker_seeds[] = {
	"shadowmx-epoch 2\nid 000102030405060708090a0b0c0d0e0f\ncounter 70\n"
	"first 60\nboot b\ninode 5\nunclean 40\nclean 1\nforgot 0\nspans 2\n"
	"10 20\n30 50\nend\n",
	"shadowmx-epoch 1\nid 000102030405060708090a0b0c0d0e0f\ncounter 7\n"
	"boot b\ninode 5\nunclean 0\nclean 0\nend\n",
	NULL
};

static const char *const marker_words[] = { "\n", " ", "shadowmx", "epoch",
	"counter", "first", "last", "span", "clean", "unclean", "boot", "inode",
	"forgot", "18446744073709551615", "0", "1", NULL };

const struct fuzz_target fuzz_marker = { "marker", marker_run, marker_seeds,
	marker_words };

/* ---- files beside the store ---- */

static char folder[32];

static void
folder_remove(void)
{
	static const char *const names[] = { "fenced", "fenced.new",
		"unprotected" };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void
file_put(const char *name, const char *data, size_t len)
{
	char path[64];
	FILE *f;

	if (folder[0] == '\0') {
		memcpy(folder, "/dev/shm/fuzz.XXXXXX", 21);
		fuzz_must(mkdtemp(folder) != NULL, "a folder");
		atexit(folder_remove);
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	fuzz_must(f != NULL && fchmod(fileno(f), 0600) == 0 &&
		      fwrite(data, 1, len, f) == len && fclose(f) == 0,
	    "a file");
}

static void
fenced(void *ctx, const struct fencebook_entry *entry)
{
	++*(unsigned *)ctx;
	fuzz_must(strnlen(entry->queue_id, sizeof(entry->queue_id)) <
		      sizeof(entry->queue_id),
	    "an id ends");
}

static void
alone(void *ctx, const struct onecopy_entry *entry)
{
	++*(unsigned *)ctx;
	fuzz_must(strnlen(entry->queue_id, sizeof(entry->queue_id)) <
		      sizeof(entry->queue_id),
	    "an id ends");
}

static void
books_run(const char *data, size_t len)
{
	struct fencebook *book = NULL;
	struct onecopy *file = NULL;
	unsigned n = 0, m = 0;

	file_put("fenced", data, len);
	file_put("unprotected", data, len);
	if (fencebook_open(&book, folder) == SMX_OK) {
		fuzz_saw(1);
		if (fencebook_each(book, fenced, &n) == SMX_OK)
			fuzz_saw(10 + (n > 9 ? 9 : n));
		fencebook_close(&book);
	}
	if (onecopy_open(&file, folder) == SMX_OK) {
		fuzz_saw(2);
		onecopy_each(file, alone, &m);
		fuzz_saw(20 + (m > 9 ? 9 : m));
		onecopy_close(&file);
	}
}

#define KEY   "000102030405060708090a0b0c0d0e0f-00000000000000ff"
#define EPOCH "ffffffffffffffffffffffffffffffff.7"

static const char *const books_seeds[] = { "+ " KEY " " EPOCH " 4jX\n- " KEY
					   "\n",
	"x\n", NULL };

static const char *const books_words[] = { "\n", " ", "+ ", "- ", KEY, EPOCH,
	" 4jX", " passed", "1700000000000", NULL };

const struct fuzz_target fuzz_books = { "books", books_run, books_seeds,
	books_words };

/* ---- the header that a resubmission puts on top ---- */

static void
header_is_good(const char *text)
{
	size_t len = strlen(text), at = 0;

	fuzz_must(len > 2 && strncmp(text, "Received:", 9) == 0,
	    "it is a Received line");
	while (at < len) {
		size_t line = strcspn(text + at, "\r\n");

		fuzz_must(line > 0 && line <= 998 &&
			      strncmp(text + at + line, "\r\n", 2) == 0,
		    "lines end with CRLF and have their ceiling");
		fuzz_must(at == 0 || text[at] == ' ' || text[at] == '\t',
		    "it is one header");
		for (size_t i = 0; i < line; i++)
			fuzz_must((unsigned char)text[at + i] >= ' ' ||
				      text[at + i] == '\t',
			    "no control bytes");
		at += line + 2;
	}
}

/* The first line is the queue id, the rest an envelope. */
static void
header_run(const char *data, size_t len)
{
	struct smx_envelope *envelope = NULL;
	struct smx_row row;
	char out[2048];
	const char *eol = memchr(data, '\n', len);
	size_t n = eol == NULL ? 0 : (size_t)(eol - data);

	if (eol == NULL || n > SMX_QUEUE_ID_MAX ||
	    memchr(data, '\0', n) != NULL)
		return;
	memset(&row, 0, sizeof(row));
	memcpy(row.queue_id, data, n);
	memcpy(row.primary, "mx1.example", 12);
	row.stored_ms = INT64_C(1700000000000) + (int64_t)len;
	if (smx_envelope_decode(eol + 1, len - n - 1, 1000, &envelope) !=
	    SMX_OK)
		return;
	fuzz_saw(1);
	if (takeover_received(&row, envelope, "mx2.example",
		INT64_C(1700000000000), out, sizeof(out)) == SMX_OK) {
		fuzz_saw(2 + (unsigned)strlen(out) / 32);
		header_is_good(out);
	}
	smx_envelope_free(&envelope);
}

static const char *const header_seeds[] = {
	"4jXKs073lDz1bkTK\nCLIENT NAME=c.example ADDR=192.0.2.7 PORT=25 "
	"HELO=h PROTO=ESMTP\r\nMAIL <a@b> SIZE=9\r\nRCPT <c@d>\r\n",
	"A\nCLIENT\r\nMAIL <>\r\nRCPT <c@d>\r\n", NULL
};

static const char *const header_words[] = { "\r\n", "\n",
	" NAME=", " ADDR=", " HELO=", " PROTO=", " LOGIN=", "IPv6:2001:db8::1",
	"+0D+0A", "+28", "+29", "+22", "+5C", "+C3+B6", "RCPT <x@y>\r\n", "[",
	"]", "(", ")", NULL };

const struct fuzz_target fuzz_header = { "header", header_run, header_seeds,
	header_words };

/* ---- content on its way into DATA ---- */

static void
add(struct smtpdata *d, const char *data, size_t len, uint64_t pieces,
    struct buf *out)
{
	size_t n;

	smtpdata_begin(d);
	for (size_t at = 0; at < len; at += n) {
		n = pieces == 0 ? len : fuzz_piece(&pieces, len - at);
		fuzz_must(smtpdata_add(d, data + at, n, out) == SMX_OK,
		    "memory");
	}
	fuzz_must(smtpdata_end(d, out) == SMX_OK, "memory");
}

/* A receiver sees one end of data, however it reads line ends. */
static void
ends_once(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\n')
			fuzz_must(i > 0 && p[i - 1] == '\r', "no lone LF");
		if (p[i] == '\r')
			fuzz_must(i + 1 < len && p[i + 1] == '\n',
			    "no lone CR");
		if (p[i] == '.' && (i == 0 || p[i - 1] == '\n'))
			fuzz_must(i + 3 == len ||
				      (i + 1 < len && p[i + 1] == '.'),
			    "a dot at the start of a line is doubled");
	}
	fuzz_must(len >= 3 && memcmp(p + len - 3, ".\r\n", 3) == 0,
	    "the end of data is there");
}

static void
data_run(const char *data, size_t len)
{
	struct smtpdata whole, cut;
	struct buf a, b;

	buf_init(&a, 0);
	buf_init(&b, 0);
	add(&whole, data, len, 0, &a);
	add(&cut, data, len, len * 2 + 1, &b);
	fuzz_must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0 &&
		      whole.bytes == cut.bytes,
	    "in pieces the same is sent");
	ends_once(a.data, a.len);
	fuzz_saw((unsigned)(a.len - len > 60 ? 60 : a.len - len));
	fuzz_saw(100 + (whole.eight != 0));
	buf_free(&a);
	buf_free(&b);
}

static const char *const data_seeds[] = { "Subject: x\r\n\r\n.\r\n..\r\nend",
	"a\n.\nb\r.\rc\r\n.\r\n", NULL };

static const char *const data_words[] = { "\r\n", "\n", "\r", ".", "\r\n.\r\n",
	"\n.\n", "\r.\r", "\n.\r\n", "\xff", NULL };

const struct fuzz_target fuzz_data = { "data", data_run, data_seeds,
	data_words };
