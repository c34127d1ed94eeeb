/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/struck.h"

#include <stdlib.h>
#include <string.h>

void
struck_free(struct struck *struck)
{
	for (size_t i = 0; i < struck->count; i++)
		free(struck->rcpts[i]);
	free(struck->rcpts);
	memset(struck, 0, sizeof(*struck));
}

int
struck_head(struct smx_envelope *to, const struct smx_envelope *from)
{
	const char *const *params;
	size_t count = smx_envelope_mail_params(from, &params);
	int rc = SMX_OK;

	for (int f = 0; f < SMX_FIELDS && rc == SMX_OK; f++)
		rc = smx_envelope_set(to, (enum smx_field)f,
		    smx_envelope_get(from, (enum smx_field)f));
	if (rc == SMX_OK)
		rc = smx_envelope_mail(to, smx_envelope_sender(from), params,
		    count);
	return rc;
}

static int
leave_out(const struct smx_envelope *from, const unsigned char *marks,
    struct smx_envelope **out)
{
	const char *const *params;
	size_t count = smx_envelope_recipients(from);
	int rc = smx_envelope_new(out, count);

	if (rc == SMX_OK)
		rc = struck_head(*out, from);
	for (size_t i = 0; i < count && rc == SMX_OK; i++) {
		size_t n = smx_envelope_rcpt_params(from, i, &params);

		if (!marks[i])
			rc = smx_envelope_rcpt(*out,
			    smx_envelope_recipient(from, i), params, n);
	}
	return rc;
}

static int
strike(struct struck *struck, const struct smx_envelope *envelope,
    const unsigned char *marks, size_t marked)
{
	size_t count = smx_envelope_recipients(envelope);

	struck->rcpts = calloc(marked, sizeof(*struck->rcpts));
	if (struck->rcpts == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!marks[i])
			continue;
		struck->rcpts[struck->count] =
		    strdup(smx_envelope_recipient(envelope, i));
		if (struck->rcpts[struck->count] == NULL)
			return SMX_ENOMEM;
		struck->count++;
	}
	return SMX_OK;
}

int
struck_set(struct struck *struck, const struct smx_envelope *envelope,
    const unsigned char *marks, struct smx_envelope **rest)
{
	size_t count = smx_envelope_recipients(envelope), marked = 0;
	int rc;

	*rest = NULL;
	struck_free(struck);
	for (size_t i = 0; i < count; i++)
		marked += marks[i] != 0;
	if (marked == 0)
		return SMX_OK;
	rc = strike(struck, envelope, marks, marked);
	if (rc == SMX_OK && marked != count)
		rc = leave_out(envelope, marks, rest);
	if (rc != SMX_OK) {
		struck_free(struck);
		smx_envelope_free(rest);
	}
	return rc;
}

int
struck_add(struct struck *struck, const char *rcpt)
{
	char **rcpts = realloc(struck->rcpts,
	    (struck->count + 1) * sizeof(*struck->rcpts));

	if (rcpts == NULL)
		return SMX_ENOMEM;
	struck->rcpts = rcpts;
	rcpts[struck->count] = strdup(rcpt);
	if (rcpts[struck->count] == NULL)
		return SMX_ENOMEM;
	struck->count++;
	return SMX_OK;
}
