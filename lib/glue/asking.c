/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/asking.h"

#include <string.h>

#include "core/policy.h"

/* What master.cf's samples and habits call a service for the submission of
 * mail. */
static int
is_submission(const char *daemon)
{
	static const char *const names[] = { "ORIGINATING", "submission",
		"submissions", "smtps", "587", "465" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(daemon, names[i]) == 0)
			return 1;
	return 0;
}

/*
 * A message whose recipients' policies cannot hold together is sent in parts by
 * a client that knows how: an MTA out there.  Programs that submit mail take
 * 452 for the end of it, and what a relay of our own sends has been taken
 * already.
 */
int
asking_may_split(const struct asking *asking)
{
	const struct smx_client *client = asking->client;

	return !asking->whole && !client->authenticated &&
	       !policy_own(asking->message->config, client->address) &&
	       !is_submission(
		   smx_envelope_get(asking->envelope, SMX_FIELD_DAEMON));
}

int
asking_one(const struct asking *asking, const char *recipient, uint64_t size,
    struct smx_ack *ack)
{
	int rc;

	memset(ack, 0, sizeof(*ack));
	rc = smx_policy_recipient(asking->message->config, asking->client,
	    recipient, size, ack);
	return rc == SMX_ELIMIT ? SMX_EINVAL : rc;
}

int
asking_recipient(const struct asking *asking, const char *recipient,
    struct smx_ack *one, struct smx_ack *all)
{
	struct smx_ack folded = asking->message->ack;
	int rc = asking_one(asking, recipient, SMX_SIZE_UNKNOWN, one);
	int split;

	if (rc != SMX_OK)
		return rc;
	split = asking_may_split(asking);
	if (smx_policy_combine(&folded, one, split) != SMX_OK && split)
		return SMX_ELIMIT;
	*all = folded;
	return SMX_OK;
}

int
asking_waits(const struct asking *asking, const char *recipient)
{
	const struct smx_config *config = asking->message->config;

	return smx_policy_by_size(config) &&
	       policy_waits(config, asking->client, recipient);
}

/* It is too late to split: the strictest holds for all. */
void
asking_size(const struct asking *asking)
{
	struct message *message = asking->message;
	size_t count = smx_envelope_recipients(asking->envelope);
	struct smx_ack all, ack;

	if (message == NULL || message->fault != REPLY_NONE || count == 0 ||
	    !message->sized || message_end_of_header(message) != SMX_OK)
		return;
	memset(&all, 0, sizeof(all));
	for (size_t i = 0; i < count; i++) {
		/* Each was good when it came. */
		if (asking_one(asking,
			smx_envelope_recipient(asking->envelope, i),
			message->size, &ack) != SMX_OK)
			return;
		(void)smx_policy_combine(&all, &ack, 0);
	}
	message->ack = all;
}
