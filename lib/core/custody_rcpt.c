/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/custody.h"

#include <stdlib.h>

/*
 * Recipients that the MTA has rewritten, and those that their primary refuses.
 * Of what became of one address the log says nothing of how many were made of
 * it: only when the message is gone is that all.
 */

/* Number i of those still open; `open` when it is not among them. */
static uint32_t
number_of(const struct custody_mail *mail, uint64_t hash)
{
	uint32_t i = 0;

	while (i < mail->open && mail->hash[i] != hash)
		i++;
	return i;
}

/* As for what is delivered, a commit of one from before the start may not have
 * been seen. */
static struct custody_mail *
find(const struct custody_table *table, const char *id, uint64_t hash)
{
	struct custody_mail *mail = custody_first_id(table, id);

	for (; mail != NULL; mail = custody_next_id(mail))
		if ((mail->committed || !mail->fresh) && !mail->outlived &&
		    number_of(mail, hash) < mail->open)
			return mail;
	return NULL;
}

const char *
custody_whose(const struct custody_table *table, const char *id, uint64_t hash)
{
	const struct custody_mail *mail = find(table, id, hash);

	return mail == NULL || mail->domain == NULL ? NULL : mail->domain->name;
}

void
custody_close(struct custody_mail *mail, uint32_t i)
{
	uint32_t last = --mail->open;

	mail->hash[i] = mail->hash[last];
	if (mail->as != NULL)
		mail->as[i] = mail->as[last];
}

static void
mark(struct custody_mail *mail, uint64_t hash, uint8_t what)
{
	if (mail->as == NULL)
		mail->as = calloc(mail->open, 1);
	if (mail->as != NULL)
		mail->as[number_of(mail, hash)] |= what;
}

static void
refused(struct custody_table *table, const struct custody_mail *mail,
    uint64_t hash)
{
	struct custody_deed deed = { .kind = CUSTODY_REFUSES,
		.mail = mail->mail,
		.hash = hash };

	table->deed(table->ctx, &deed);
}

void
custody_hear(struct custody_table *table, const struct smx_queue_event *event)
{
	uint64_t hash = event->kind == SMX_QUEUE_REFUSED
			    ? event->token
			    : strtoull(event->other, NULL, 16);
	struct custody_mail *mail = find(table, event->id, hash);

	if (mail == NULL)
		return;
	if (event->kind == SMX_QUEUE_REFUSED)
		refused(table, mail, hash);
	else
		mark(mail, hash,
		    event->kind == SMX_QUEUE_SENT_AS ? CUSTODY_AS_SENT
						     : CUSTODY_AS_BOUNCED);
}

int
custody_rewritten(const struct custody_mail *mail)
{
	for (uint32_t i = 0; mail->as != NULL && i < mail->open; i++)
		if (mail->as[i] != 0)
			return 1;
	return 0;
}

/* One address that was given up for is enough: its sender was told. */
void
custody_settle(struct custody_table *table, struct custody_mail *mail)
{
	struct custody_deed deed = { .kind = CUSTODY_ANSWERS,
		.mail = mail->mail,
		.rewritten = 1 };

	for (uint32_t i = mail->as == NULL ? 0 : mail->open; i > 0; i--) {
		uint8_t as = mail->as[i - 1];

		if (as == 0)
			continue;
		deed.hash = mail->hash[i - 1];
		deed.end = (as & CUSTODY_AS_BOUNCED) != 0 ? CUSTODY_RETURNED
							  : CUSTODY_DELIVERED;
		custody_close(mail, i - 1);
		if (mail->domain != NULL)
			*(deed.end == CUSTODY_DELIVERED
				? &mail->domain->delivered
				: &mail->domain->returned) += 1;
		table->deed(table->ctx, &deed);
	}
}
