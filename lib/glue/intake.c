/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/policy.h"
#include "glue/backup_books.h"
#include "glue/backup_rcpt.h"

#define ROOM_FIRST 4

void
intake_reset(struct intake *intake)
{
	intake->count = intake->domains = intake->plain = 0;
}

void
intake_free(struct intake *intake)
{
	free(intake->rcpt);
	free(intake->domain);
	memset(intake, 0, sizeof(*intake));
}

int
intake_any(const struct intake *intake)
{
	return intake->count != 0;
}

/* ---- one recipient ---- */

static const char *
client_of(const struct asking *asking)
{
	return asking->client->address;
}

static int
is_trusted(const struct asking *asking)
{
	return asking->client->authenticated || client_of(asking)[0] == '\0' ||
	       policy_own(asking->message->config, client_of(asking));
}

/* Nobody is sent away who would be lost by it: then it is ordinary mail. */
static int
no_room(struct intake *intake, const struct asking *asking,
    struct hop_answer *words)
{
	if (is_trusted(asking)) {
		intake->next.hold = 0;
		return SMX_OK;
	}
	hopanswer_own(words, HOP_TEMP,
	    "too much mail for %s waits here for its mail exchanger",
	    intake->next.name);
	words->code = 452;
	text_copy(words->enhanced, sizeof(words->enhanced), "4.3.1");
	return SMX_ETEMP;
}

/* The same domain waits or does not: that may change between two. */
static size_t
find(const struct intake *intake, const struct intake_domain *domain)
{
	size_t i = 0;

	while (i < intake->domains &&
	       (intake->domain[i].hold != domain->hold ||
		   strcmp(intake->domain[i].name, domain->name) != 0))
		i++;
	return i;
}

/* What is put on hold goes alone: the hold is the message's. */
static int
beside(const struct intake *intake, const struct asking *asking)
{
	int held = intake->next.hold, conflict = held && intake->plain != 0;

	for (size_t i = 0; i < intake->domains; i++)
		if (intake->domain[i].hold)
			conflict |= !held || i != find(intake, &intake->next);
	return conflict && asking_may_split(asking) ? SMX_ELIMIT : SMX_OK;
}

static int
reserve(struct intake *intake)
{
	size_t room = intake->room == 0 ? ROOM_FIRST : intake->room * 2;
	struct intake_domain *domain;
	struct intake_rcpt *rcpt;

	if (intake->count == intake->room) {
		rcpt = realloc(intake->rcpt, room * sizeof(*rcpt));
		if (rcpt == NULL)
			return SMX_ENOMEM;
		intake->rcpt = rcpt;
		intake->room = room;
	}
	room =
	    intake->domains_room == 0 ? ROOM_FIRST : intake->domains_room * 2;
	if (intake->domains == intake->domains_room) {
		domain = realloc(intake->domain, room * sizeof(*domain));
		if (domain == NULL)
			return SMX_ENOMEM;
		intake->domain = domain;
		intake->domains_room = room;
	}
	return SMX_OK;
}

static int
decide(struct intake *intake, const struct intake_ask *ask,
    struct hop_answer *words)
{
	const struct asking *asking = ask->asking;
	struct backup *backup = node_backup(ask->engine);
	struct backup_ask question = { .backup = ask->policy,
		.conf = asking->message->conf,
		.client = client_of(asking),
		.trusted = is_trusted(asking),
		.sender = smx_envelope_sender(asking->envelope),
		.rcpt = ask->rcpt,
		.waiting = ask->waiting,
		.waiting_ctx = ask->waiting_ctx };
	struct backup_word word = { .state = MX_UNKNOWN };
	int rc;

	if (ask->policy == NULL || backup == NULL)
		return SMX_OK;
	rc = backup_rcpt(backup, &question, &word, words);
	if (rc == SMX_OK)
		rc = reserve(intake);
	if (rc != SMX_OK)
		return rc;
	intake->ours = 1;
	text_copy(intake->next.name, sizeof(intake->next.name), word.domain);
	intake->next.state = word.state;
	intake->next.policy = ask->policy;
	intake->next.hold = word.hold && intake->holds;
	if (intake->next.hold &&
	    books_full(backup_books(backup), word.domain, ask->policy))
		return no_room(intake, asking, words);
	return SMX_OK;
}

int
intake_rcpt(struct intake *intake, const struct intake_ask *ask,
    struct hop_answer *words)
{
	int rc;

	intake->ours = 0;
	memset(&intake->next, 0, sizeof(intake->next));
	if (!intake->asks || ask->asking->whole)
		return SMX_OK;
	rc = decide(intake, ask, words);
	return rc == SMX_OK ? beside(intake, ask->asking) : rc;
}

void
intake_wish(const struct intake *intake, const struct message *message,
    struct smx_ack *one, struct smx_ack *all)
{
	if (!intake->next.hold)
		return;
	one->when &= ~SMX_WHEN_DELIVERED;
	*all = message->ack;
	(void)smx_policy_combine(all, one, 0);
}

void
intake_keep(struct intake *intake, size_t index)
{
	size_t domain = find(intake, &intake->next);

	intake->plain += !intake->next.hold;
	if (!intake->ours)
		return;
	if (domain == intake->domains)
		intake->domain[intake->domains++] = intake->next;
	intake->rcpt[intake->count++] = (struct intake_rcpt){ index, domain };
}
