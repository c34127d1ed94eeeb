/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMQF_H
#define CORE_SMQF_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"

/*
 * One control file of Sendmail's queue (qf, hf, tf): the envelope of a message
 * that it has still to serve, and its headers.  One record a line, the first
 * character is its kind:
 *
 *	V version, first	T created	K last tried	N times tried
 *	P priority		B body type	F flags		S sender
 *	q why quarantined	M why deferred	Z ENVID		A AUTH
 *	$ macro			d folder of df	I inode of df	! deliver by
 *	C controlling address, Q ORCPT, r final recipient, M: of the R to come
 *	R recipient, with flags	H header, with conditions; goes on in lines that
 *				begin with a blank
 *	. end
 *
 * Delivered recipients are left out when the file is written anew.  Addresses
 * stand there as they came: in angle brackets from SMTP, in any form of a
 * header from a command.
 */
#define SMQF_FILE_MAX       (32u * 1024 * 1024)
#define SMQF_VERSION_MAX    8
#define SMQF_RECIPIENTS_MAX 50000 /* doc/WIRE */

enum smqf_value {
	/* first the fields of enum smx_field, under their numbers */
	SMQF_SENDER = SMX_FIELDS,
	SMQF_ENVID,
	SMQF_AUTH,
	SMQF_BODY,
	SMQF_REASON,   /* of the quarantine */
	SMQF_DEFERRED, /* what was said last */
	SMQF_FOLDER,   /* where the df is, when not beside the qf */
	SMQF_VALUES
};

struct smqf {
	char *value[SMQF_VALUES]; /* malloc'ed; NULL: not in it */
	uint64_t version;
	int64_t created_s, tried_s; /* wall; 0: never */
	uint64_t tries;
	int quarantined;  /* it has a q record */
	int bounce;       /* it is a notice of Sendmail's own */
	int eight_bit;    /* found in the content */
	int ret, no_body; /* RET was given; and it was HDRS */
	int smtputf8;
	struct buf orcpt;   /* for the recipient to come */
	struct buf rcpts;   /* RCPT lines */
	struct buf headers; /* as they go to a next hop, lines ended by LF */
	size_t recipients;
	int unsayable; /* somebody is served in a way that SMTP cannot say: a
			* program, a file; or there is no end of them */
};

void smqf_init(struct smqf *q);
void smqf_done(struct smqf *q);
/*
 * All of the file.  domain is put behind addresses that have none, "" leaves
 * them.  SMX_ETEMP: the end is missing, as it does while the file is first
 * written; SMX_EPROTO: not a file that Sendmail wrote, or one of a later
 * version.
 */
int smqf_read(struct smqf *q, const char *text, size_t len,
    const char *domain) SMX_MUST_USE;
/* Does it end as a complete file does?  Of its last bytes. */
int smqf_complete(const char *end, size_t len);
/* The text form; *out is malloc'ed.  SMX_EPROTO: it has none. */
int smqf_envelope(const struct smqf *q, char **out, size_t *len,
    size_t *client_len) SMX_MUST_USE;

/* ---- between the files ---- */

/* smqf.c */
int smqf_set(struct smqf *q, int which, const char *text, size_t len);
/* smqf_envelope.c: a record without its kind */
int smqf_recipient(struct smqf *q, const char *text, size_t len,
    const char *domain);
int smqf_sender(struct smqf *q, const char *text, size_t len,
    const char *domain);

#endif
