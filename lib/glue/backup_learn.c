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
	       (sight.all == RCPTS_ALL_YES || sight.all == RCPTS_ALL_FILE);
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

void
backup_delivered(struct backup *backup, const struct custody_deed *deeds,
    size_t count)
{
	char address[ADDR_MAX + 1];

	for (size_t i = 0; i < count; i++)
		if (deeds[i].kind == CUSTODY_ANSWERS &&
		    deeds[i].end == CUSTODY_DELIVERED &&
		    backup_mail_address(backup_db(backup), deeds[i].mail,
			deeds[i].hash, address, sizeof(address)) == SMX_OK)
			(void)backup_learn(backup, address, 1,
			    RCPT_FROM_DELIVERY);
}
