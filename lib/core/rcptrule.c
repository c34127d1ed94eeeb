/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/rcptrule.h"

#include <string.h>

#include "base/buf.h"

int
rcptrule_is_down(const struct rcptrule *r)
{
	return r->announced || r->state == MX_DOWN;
}

static enum rule_step
ask_primary(const struct rcptrule *r)
{
	switch (r->said) {
	case RULE_NOT_ASKED:
		return RULE_WANT_ASK;
	case RULE_SAID_NO:
		return RULE_NO_SAID;
	case RULE_CROWDED:
		return r->trusted ? RULE_TAKE : RULE_LATER_CROWD;
	case RULE_SAID_YES:
	case RULE_SAID_NOTHING:
		break;
	}
	return RULE_TAKE;
}

static enum rule_step
up(const struct rcptrule *r)
{
	if (r->while_up == BACKUP_UP_DEFER && !r->trusted && !r->exempt) {
		if (r->tried == 0)
			return RULE_WANT_TRY;
		if (r->tried == FIRSTTRY_FIRST || r->tried == FIRSTTRY_EARLY)
			return RULE_LATER_UP;
	}
	/* Who relays hears it from the primary itself. */
	if (r->while_up == BACKUP_UP_RELAY || r->postmaster)
		return RULE_TAKE;
	if (!r->looked)
		return RULE_WANT_LOOK;
	if (!r->sight.ask && r->sight.word == RCPT_BAD)
		return RULE_NO_KNOWN;
	if (!r->sight.ask && r->sight.word == RCPT_GOOD)
		return RULE_TAKE;
	if (r->takes_all && r->sight.word != RCPT_BAD)
		return RULE_TAKE;
	return ask_primary(r);
}

/* A client of our own has nobody else to give it to. */
static enum rule_step
later_unknown(const struct rcptrule *r)
{
	return r->trusted ? RULE_HOLD : RULE_LATER_UNKNOWN;
}

static enum rule_step
nobody_knows(const struct rcptrule *r)
{
	switch (r->unknown) {
	case BACKUP_UNKNOWN_DEFER:
		return later_unknown(r);
	case BACKUP_UNKNOWN_REJECT:
		/* It existed once, or we cannot know what we knew: no reason
		 * to say never. */
		return r->blind || r->sight.word == RCPT_GOOD_OLD
			   ? later_unknown(r)
			   : RULE_NO_UNKNOWN;
	default:
		return RULE_HOLD;
	}
}

static enum rule_step
down(const struct rcptrule *r)
{
	if (r->postmaster)
		return RULE_HOLD;
	if (!r->looked)
		return RULE_WANT_LOOK;
	if (r->sight.word == RCPT_GOOD)
		return RULE_HOLD;
	if (r->sight.word == RCPT_BAD)
		return RULE_NO_KNOWN;
	return r->takes_all ? RULE_HOLD : nobody_knows(r);
}

enum rule_step
rcptrule(const struct rcptrule *r)
{
	/* Nobody would hear what is said to the mail of this host itself, or
	 * it would hold up all the others. */
	if (r->own)
		return rcptrule_is_down(r) ? RULE_HOLD : RULE_TAKE;
	/* Nobody could deliver it, neither today nor when a maintenance is
	 * over: whoever asks had better hear it now. */
	if (r->null_mx)
		return RULE_NO_MAIL;
	if (!rcptrule_is_down(r) && r->state != MX_UP)
		return RULE_TAKE;
	if (r->harvester && !r->trusted)
		return RULE_LATER_HARVEST;
	return rcptrule_is_down(r) ? down(r) : up(r);
}

int
rcptrule_is_guess(const struct rcptrule *r, enum rule_step step)
{
	switch (step) {
	case RULE_NO_KNOWN:
	case RULE_NO_SAID:
	case RULE_NO_UNKNOWN:
	case RULE_LATER_UNKNOWN:
		return 1;
	case RULE_HOLD:
		return r->looked && r->sight.word != RCPT_GOOD && !r->takes_all;
	default:
		return 0;
	}
}

/* ---- words ---- */

static const struct step {
	const char *name;
	int rc;
	int code;
	const char *enhanced;
	const char *text;
} steps[] = {
	[RULE_WANT_TRY] = { "want-try", SMX_ESTATE, 0, "", "" },
	[RULE_WANT_LOOK] = { "want-look", SMX_ESTATE, 0, "", "" },
	[RULE_WANT_ASK] = { "want-ask", SMX_ESTATE, 0, "", "" },
	[RULE_TAKE] = { "taken", SMX_OK, 250, "2.1.5", "ok" },
	[RULE_HOLD] = { "held", SMX_OK, 250, "2.1.5", "ok" },
	[RULE_LATER_UP] = { "primary-is-up", SMX_ETEMP, 451, "4.3.2", "" },
	[RULE_LATER_UNKNOWN] = { "unknown", SMX_ETEMP, 451, "4.3.2",
	    "the primary mail exchanger is down and this recipient is not "
	    "known here, try again later" },
	[RULE_LATER_HARVEST] = { "harvest", SMX_ETEMP, 450, "4.7.1",
	    "too many unknown recipients, try again later" },
	[RULE_LATER_CROWD] = { "crowded", SMX_ETEMP, 451, "4.3.2",
	    "too many recipients are being asked for, try again later" },
	[RULE_NO_KNOWN] = { "bad", SMX_EREFUSED, 550, "5.1.1",
	    "the primary mail exchanger does not know this recipient" },
	[RULE_NO_SAID] = { "refused-now", SMX_EREFUSED, 550, "5.1.1",
	    "the primary mail exchanger refuses this recipient" },
	[RULE_NO_UNKNOWN] = { "unknown", SMX_EREFUSED, 550, "5.1.1",
	    "this recipient is not known here" },
	[RULE_NO_MAIL] = { "null-mx", SMX_EREFUSED, 556, "5.1.10", "" },
};

const char *
rcptrule_name(enum rule_step step)
{
	return steps[step].name;
}

/* In the primary's own words, as far as they are those of a refusal. */
static void
say_after(const struct hop_answer *said, struct hop_answer *words)
{
	if (said->code < 500 || said->code > 599)
		return;
	words->code = said->code;
	text_copy(words->enhanced, sizeof(words->enhanced),
	    said->enhanced[0] == '5' ? said->enhanced : "");
	if (said->text[0] != '\0')
		text_copy(words->text, sizeof(words->text), said->text);
}

int
rcptrule_words(enum rule_step step, const char *host, const char *domain,
    const struct hop_answer *said, struct hop_answer *words)
{
	const struct step *s = &steps[step];
	enum hop_class class = s->rc == SMX_OK      ? HOP_YES
			       : s->rc == SMX_ETEMP ? HOP_TEMP
						    : HOP_NO;

	if (step == RULE_LATER_UP)
		hopanswer_own(words, class,
		    "the primary mail exchanger%s%.128s of %.100s is up, "
		    "deliver there",
		    host[0] != '\0' ? " " : "", host, domain);
	else if (step == RULE_NO_MAIL)
		hopanswer_own(words, class,
		    "the domain %.128s accepts no mail (null MX)", domain);
	else
		hopanswer_own(words, class, "%s", s->text);
	words->code = s->code;
	text_copy(words->enhanced, sizeof(words->enhanced), s->enhanced);
	if (step == RULE_NO_SAID && said != NULL)
		say_after(said, words);
	return s->rc;
}

/* Subject 1 is the address, 2 the mailbox, 4 the routing: some say so when they
 * have no such recipient.  3 is the system, 5 the protocol, 7 policy. */
static int
is_about_recipient(const char *enhanced)
{
	static const char *const others[] = { "5.1.7", "5.1.8", "5.2.2",
		"5.2.3" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(enhanced, others[i]) == 0)
			return 0;
	return strncmp(enhanced, "5.", 2) == 0 &&
	       strchr("0124", enhanced[2]) != NULL && enhanced[2] != '\0' &&
	       enhanced[3] == '.';
}

int
rcptrule_is_bad(const struct hop_answer *answer)
{
	if (answer->class != HOP_NO || answer->code < 500 || answer->code > 599)
		return 0;
	if (answer->enhanced[0] != '\0')
		return is_about_recipient(answer->enhanced);
	return answer->code == 550 || answer->code == 551 ||
	       answer->code == 553;
}
