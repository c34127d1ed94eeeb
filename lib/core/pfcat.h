/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFCAT_H
#define CORE_PFCAT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "base/buf.h"
#include "core/pfcat_envelope.h"

/*
 * What "postcat -e" prints about one or more queue files, a line for each
 * record, made into envelopes in text form: whom the MTA has still to serve.
 *
 *	*** ENVELOPE RECORDS name ***
 *	sender: a@example.org
 *	named_attribute: notify_flags=4
 *	recipient: b@example.net
 *	*** MESSAGE CONTENTS name ***
 *	*** HEADER EXTRACTED name ***
 *	*** MESSAGE FILE END name ***
 *
 * What stands in the records came from outside.  Should a value hold a line
 * break, it can look like records of its own message, which its sender could
 * have written anyway; but it can also look like the end of the file and the
 * beginning of another one.  Then, because the true marks follow, the marks are
 * not one row of the names that were asked for, and nothing of the run is
 * believed: ask for each file alone.
 */
#define PFCAT_FILES_MAX 100
#define PFCAT_LABEL     320
#define PFCAT_LINE_MAX  65536 /* of what is printed; longer: not readable */

enum pfcat_stage {
	PFCAT_BETWEEN,
	PFCAT_RECORDS,
	PFCAT_CONTENTS,
	PFCAT_EXTRACTED
};

struct pfcat_file {
	char label[PFCAT_LABEL]; /* as the program was given it */
	/* malloc'ed: CLIENT, MAIL and RCPT lines.  NULL: was not read */
	char *text;
	size_t len;
	size_t client_len; /* of these, the CLIENT line */
};

struct pfcat {
	struct pfcat_file file[PFCAT_FILES_MAX];
	size_t count;
	size_t ended; /* files at the front of which all was seen */
	int forged;   /* the marks are not the row that they must be */
	enum pfcat_stage stage;
	struct buf line;
	struct pfcat_envelope envelope;
};

/* Begin with no file; labels are appended by the caller. */
void pfcat_init(struct pfcat *cat);
void pfcat_done(struct pfcat *cat);
int pfcat_add(struct pfcat *cat, const char *label) SMX_MUST_USE;
/* More of the output, in pieces of any size. */
void pfcat_feed(struct pfcat *cat, const char *data, size_t len);

#endif
