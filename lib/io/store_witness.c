/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/key.h"
#include "io/fsutil.h"
#include "io/store_dir.h"

#define NOTE         "log.seen"
#define SALTS_AT     16
#define HEADER_BYTES 32
/* "SALTS PAGES\n", always as long */
#define NOTE_BYTES (16 + 1 + 16 + 1)

void
witness_open(struct witness *witness, int folder)
{
	witness->folder = folder;
	witness->log = -1;
	if (fs_open_or_create(folder, NOTE, &witness->fd) != SMX_OK)
		witness->fd = -1;
}

void
witness_close(struct witness *witness)
{
	fs_close(&witness->fd);
	fs_close(&witness->log);
}

static int
log_salts(struct witness *witness, uint8_t salts[8])
{
	uint64_t size;

	/* It is the same file as long as the database is open. */
	if (witness->log < 0 && fs_open_read(witness->folder, STORE_LOG,
				    &witness->log, &size) != SMX_OK) {
		witness->log = -1;
		return 0;
	}
	return fs_read_at(witness->log, SALTS_AT, salts, 8) == SMX_OK;
}

void
witness_note(struct witness *witness, int pages)
{
	char text[NOTE_BYTES + 1], hex[17];
	uint8_t salts[8];

	if (witness->fd < 0 || !log_salts(witness, salts))
		return;
	hex_format(salts, sizeof(salts), hex);
	snprintf(text, sizeof(text), "%s %016d\n", hex, pages);
	/* A note that is not there proves nothing, which is all it can do. */
	if (pwrite(witness->fd, text, NOTE_BYTES, 0) != NOTE_BYTES)
		fs_close(&witness->fd);
}

void
witness_forget(struct witness *witness)
{
	(void)!fs_unlink(witness->folder, NOTE);
	(void)!fs_sync(witness->folder);
	fs_close(&witness->fd);
}

/* ---- at the start ---- */

static uint32_t
word(const uint8_t *p, int big)
{
	return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			 (uint32_t)p[2] << 8 | p[3]
		   : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
			 (uint32_t)p[1] << 8 | p[0];
}

/* As the format of SQLite's log says (section 4.2 of its file format): the sum
 * runs in the byte order that the last bit of the magic number tells. */
static int
header_is_sound(const uint8_t header[HEADER_BYTES])
{
	uint32_t a = 0, b = 0;
	int big = header[3] & 1;

	for (size_t i = 0; i < 24; i += 8) {
		a += word(header + i, big) + b;
		b += word(header + i + 4, big) + a;
	}
	return a == word(header + 24, 1) && b == word(header + 28, 1);
}

static void
read_header(int folder, struct witness_log *seen, uint8_t salts[8])
{
	uint8_t header[HEADER_BYTES];
	uint64_t size;
	int fd;

	if (fs_open_read(folder, STORE_LOG, &fd, &size) != SMX_OK)
		return;
	if (fs_read_at(fd, 0, header, sizeof(header)) == SMX_OK &&
	    header_is_sound(header)) {
		memcpy(salts, header + SALTS_AT, 8);
		seen->readable = 1;
	}
	fs_close(&fd);
}

void
witness_read(struct witness *witness, struct witness_log *seen)
{
	char note[NOTE_BYTES + 1] = "";
	uint8_t noted[8], salts[8];

	memset(seen, 0, sizeof(*seen));
	if (witness->fd < 0 ||
	    pread(witness->fd, note, NOTE_BYTES, 0) != NOTE_BYTES ||
	    hex_parse(note, 16, noted, sizeof(noted)) != SMX_OK)
		return;
	read_header(witness->folder, seen, salts);
	/* The note is about an older log: it says nothing of this one. */
	if (seen->readable && memcmp(noted, salts, sizeof(noted)) != 0)
		return;
	seen->pages = strtol(note + 17, NULL, 10);
}

int64_t
witness_missing(const struct witness_log *seen, int64_t pages)
{
	if (!seen->readable)
		return seen->pages;
	return seen->pages > pages ? seen->pages - pages : 0;
}
