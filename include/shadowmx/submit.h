/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_SUBMIT_H
#define SHADOWMX_SUBMIT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/envelope.h>
#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Giving a taken-over message to the own MTA.  It is a port; the library's
 * speaks SMTP to a dedicated service of the MTA (RFC 5321, PIPELINING,
 * 8BITMIME, SMTPUTF8, DSN, SIZE, and Postfix's XFORWARD for the trail).
 */
struct smx_submission {
	const struct smx_envelope *envelope;
	const char *rcpt_states; /* only 'o' are sent; NULL: all */
	const struct smx_content *content;
	const char *received; /* whole header line(s) put before the
			       * content, CRLF ended; "" for none */
	const char *trail_id; /* the primary's queue id, "" unknown */
	/* Which way in: */
	int amended;  /* the addresses are final: no alias, no automatic copy
		       * may be applied again */
	int held;     /* into the MTA's hold queue, never delivered by itself */
	int released; /* a person has let it go: held only where there is a way
		       * for that */
	int quiet;    /* nobody may be sent a notice because of it: SMX_EREFUSED
		       * where the MTA knows no NOTIFY */
	int64_t deadline_mono_ms; /* for the whole conversation */
};

struct smx_submit_result {
	char queue_id[64]; /* the MTA's new id when it told one, else "" */
	char *rcpt_states; /* caller's array, one per recipient of the
			    * envelope: 'h', 'r' or 'o' (try again) */
	char text[256];    /* the decisive reply, for people */
};

struct smx_submit_ops {
	/*
	 * SMX_OK:           rcpt_states tells what became of each recipient
	 * SMX_ETEMP:        nothing was taken, try again later
	 * SMX_EREFUSED:     the message itself was refused for good
	 * SMX_EUNREACHABLE: no conversation took place
	 * SMX_EUNSURE:      the answer to the final dot was lost: it may have
	 *                   been taken; a repeat may be a duplicate
	 */
	int (*submit)(void *ctx, const struct smx_submission *submission,
	    struct smx_submit_result *result);
	void (*close)(void *ctx);
	/* No other message follows for now: what is kept open for it is closed.
	 * May be NULL. */
	void (*rest)(void *ctx);
};

struct smx_submit {
	void *ctx;
	const struct smx_submit_ops *ops;
};

struct smx_submit_smtp_options {
	const char *target; /* "127.0.0.1:10026", "[::1]:10026", "unix:/path" */
	const char *target_amended; /* NULL or "": target */
	const char *target_held;    /* NULL or "": a held one is SMX_EREFUSED,
				     * nothing of it was said to the MTA */
	const char *helo;           /* our name */
	int64_t step_ms;            /* deadline of each step, 0: 60 s */
};

SMX_API int smx_submit_open_smtp(struct smx_submit *out,
    const struct smx_submit_smtp_options *options, char *why,
    size_t why_size) SMX_MUST_USE;
SMX_API void smx_submit_close(struct smx_submit *submit);

#ifdef __cplusplus
}
#endif
#endif
