/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_ENVELOPE_H
#define SHADOWMX_ENVELOPE_H

#include <stddef.h>

#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * An envelope: everything that SMTP said about one message outside of its
 * content, so that a resubmission can say the same again (RFC 5321 MAIL and
 * RCPT, RFC 3461 RET ENVID NOTIFY ORCPT, RFC 6152 BODY, RFC 6531 SMTPUTF8,
 * RFC 4954 AUTH), and who the client was.
 *
 * Strings:   NUL-terminated and never holding CR, LF or NUL; a setter answers
 *            SMX_EINVAL to such a value.  Addresses are kept exactly as the
 *            MTA gave them, normally with angle brackets.
 * Limits:    SMX_ELIMIT past 998 bytes for an address or parameter, 16
 *            parameters a command, 1000 recipients (settable, see _new).
 * Ownership: setters copy; getters lend until the envelope changes or goes.
 * Threads:   one at a time.
 */
struct smx_envelope;

enum smx_field {
	SMX_FIELD_CLIENT_NAME, /* "mail.example.org" or "unknown" */
	SMX_FIELD_CLIENT_ADDR, /* "192.0.2.7", "2001:db8::7", or "" if local */
	SMX_FIELD_CLIENT_PORT, /* decimal, or "" */
	SMX_FIELD_HELO,
	SMX_FIELD_PROTOCOL,  /* "SMTP", "ESMTP", or "" when unknown */
	SMX_FIELD_AUTH_TYPE, /* SASL mechanism, or "" when not authenticated */
	SMX_FIELD_AUTH_NAME, /* SASL login, or "" */
	SMX_FIELD_DAEMON,    /* the MTA's own name for the listener */
	SMX_FIELD_HOLD,      /* kept on hold as a backup MX until this time:
			      * milliseconds since 1970, or "" */
	SMX_FIELDS
};

SMX_API int smx_envelope_new(struct smx_envelope **out,
    size_t max_recipients) SMX_MUST_USE;
SMX_API void smx_envelope_free(struct smx_envelope **envelope);
/* Forget sender and recipients, keep what is known about the client. */
SMX_API void smx_envelope_reset(struct smx_envelope *envelope);

/* value NULL means "".  Unset fields read "". */
SMX_API int smx_envelope_set(struct smx_envelope *envelope,
    enum smx_field field, const char *value) SMX_MUST_USE;
SMX_API const char *smx_envelope_get(const struct smx_envelope *envelope,
    enum smx_field field);

SMX_API int smx_envelope_mail(struct smx_envelope *envelope, const char *sender,
    const char *const *params, size_t count) SMX_MUST_USE;
SMX_API int smx_envelope_rcpt(struct smx_envelope *envelope,
    const char *address, const char *const *params, size_t count) SMX_MUST_USE;

/* The sender, "<>" for the null sender, NULL before _mail. */
SMX_API const char *smx_envelope_sender(const struct smx_envelope *envelope);
SMX_API size_t smx_envelope_mail_params(const struct smx_envelope *envelope,
    const char *const **params);
SMX_API size_t smx_envelope_recipients(const struct smx_envelope *envelope);
/* index < smx_envelope_recipients(), else NULL / 0. */
SMX_API const char *smx_envelope_recipient(const struct smx_envelope *envelope,
    size_t index);
SMX_API size_t smx_envelope_rcpt_params(const struct smx_envelope *envelope,
    size_t index, const char *const **params);

/*
 * The text form, the same in the store and on the peer link (doc/WIRE): CLIENT,
 * MAIL and RCPT lines, each closed by CRLF.  _encode: *out is malloc'ed, the
 * caller frees it.  _decode: SMX_EPROTO for anything that _encode cannot
 * have written; *out is new.
 */
SMX_API int smx_envelope_encode(const struct smx_envelope *envelope, char **out,
    size_t *len) SMX_MUST_USE;
SMX_API int smx_envelope_decode(const char *text, size_t len,
    size_t max_recipients, struct smx_envelope **out) SMX_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
