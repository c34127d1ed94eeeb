/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ENVELOPE_H
#define CORE_ENVELOPE_H

#include <stddef.h>

#include <shadowmx/envelope.h>

/* Ceilings that the setters keep, so that every envelope has a text form and
 * every text form an envelope. */
#define ENVELOPE_LINE_MAX       20480 /* of the text form, CRLF included */
#define ENVELOPE_VALUE_MAX      998
#define ENVELOPE_PARAMS_MAX     16
#define ENVELOPE_RECIPIENTS_MAX 1000 /* when the caller names none */

/* The name of a field in the CLIENT line. */
const char *envelope_field_name(enum smx_field field);

/* Is this a text form?  Like smx_envelope_decode, without building anything;
 * SMX_OK, SMX_EPROTO, or SMX_ELIMIT over max_recipients. */
int envelope_check(const char *text, size_t len, size_t max_recipients,
    size_t *recipients) SMX_MUST_USE;

#endif
