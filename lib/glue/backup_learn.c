/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/clock.h"
#include "glue/backup_rcpt_in.h"
#include "io/backup_mail.h"

/* Everybody exists there, and the ledger would fill with those who do not. */
static int
takes_all(struct decider *decider, const struct addr *addr)
{
	struct backup_rcpts_sight sight;

	return rcptlearn_look(decider->learn, addr, &sight) == SMX_OK &&
	       (sight.all == RCPTS_ALL_YES || sight.all == RCPTS_ALL_FILE ||
		   sight.all == RCPTS_ALL_PEER);
}

int
backup_learn(struct backup *backup, const char *rcpt, int good,
    enum rcpt_source source)
{
	struct rcpt_entry entry = { good != 0, source, clock_wall_ms() };
	struct decider *decider = backup_decider(backup);
	struct addr addr;

	if (addr_read(&addr, rcpt) != SMX_OK || addr.domain_len == 0)
		return SMX_EINVAL;
	if (good && source == RCPT_FROM_DELIVERY && takes_all(decider, &addr))
		return SMX_OK;
	return rcptlearn_put(decider->learn, &addr, &entry);
}

void
backup_heard(struct backup *backup, const char *rcpt,
    const struct hop_answer *said)
{
	if (backup == NULL)
		return;
	if (said->class == HOP_YES)
		(void)backup_learn(backup, rcpt, 1, RCPT_FROM_DELIVERY);
	else if (rcptrule_is_bad(said))
		(void)backup_learn(backup, rcpt, 0, RCPT_FROM_DELIVERY);
}

/* The address is in the books; the deed has its hash. */
static void
learn_deed(struct backup *backup, const struct custody_deed *deed, int good)
{
	char address[ADDR_MAX + 1];
	struct log_line l;

	if (backup_mail_address(backup_db(backup), deed->mail, deed->hash,
		address, sizeof(address)) != SMX_OK ||
	    backup_learn(backup, address, good, RCPT_FROM_DELIVERY) != SMX_OK ||
	    good)
		return;
	log_begin(&l, SMX_LOG_INFO, NULL, "recipient-bounced");
	log_str(&l, "recipient", address);
	log_num(&l, "mail", deed->mail);
	log_end(&l);
}

void
backup_delivered(struct backup *backup, const struct custody_deed *deeds,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (deeds[i].kind == CUSTODY_REFUSES)
			learn_deed(backup, &deeds[i], 0);
		else if (deeds[i].kind == CUSTODY_ANSWERS &&
			 deeds[i].end == CUSTODY_DELIVERED &&
			 !deeds[i].rewritten)
			learn_deed(backup, &deeds[i], 1);
}
