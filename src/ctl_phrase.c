/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#define FILTERS (OPTION_PRIMARY | OPTION_STATE)
#define ORDERS  (OPTION_ALL | FILTERS | OPTION_YES)

const struct phrase phrases[] = {
	{ { "status", NULL }, "", 0, 0, OPTION_BRIEF,
	    "how this host is; the exit status says how bad", ctl_status },
	{ { "peer", "list" }, "", 0, 0, 0, "the peers and how they are",
	    ctl_peer_list },
	{ { "peer", "drain" }, "NAME", 1, 1, OPTION_WAIT | OPTION_YES,
	    "ask this member for no more copies", ctl_peer_drain },
	{ { "peer", "undrain" }, "NAME", 1, 1, 0, "ask it for copies again",
	    ctl_peer_drain },
	{ { "drain", NULL }, "", 0, 0, OPTION_WAIT,
	    "take no more copies from other hosts", ctl_drain },
	{ { "undrain", NULL }, "", 0, 0, 0, "take copies again", ctl_drain },
	{ { "fence", NULL }, "", 0, 0, OPTION_WAIT,
	    "put on hold here what other hosts have taken over", ctl_fence },
	{ { "leave", NULL }, "", 0, 0, OPTION_FOR,
	    "tell the members that this host will be away", ctl_leave },
	{ { "nexthop", "list" }, "", 0, 0, 0,
	    "the next hops of mail, and how they answer", ctl_nexthop },
	{ { "nexthop", "probe" }, "NAME", 1, 1, 0,
	    "would this next hop take mail?", ctl_nexthop },
	{ { "nexthop", "reset" }, "[NAME]", 0, 1, 0,
	    "forget what is known of it, or of all", ctl_nexthop },
	{ { "queue", "list" }, "[STATE] [PEER]", 0, 2, FILTERS,
	    "shadows kept here and own open messages", ctl_queue_list },
	{ { "queue", "show" }, "ID", 1, 1, 0, "all that is known of a message",
	    ctl_queue_show },
	{ { "queue", "cat" }, "ID", 1, 1, 0, "the message as it came",
	    ctl_queue_cat },
	{ { "queue", "resubmit" }, "[ID]...", 0, PHRASE_MANY, ORDERS,
	    "take over shadows and hand them to the MTA", ctl_queue_order },
	{ { "queue", "release" }, "[ID]...", 0, PHRASE_MANY, ORDERS,
	    "try quarantined or waiting messages again now", ctl_queue_order },
	{ { "queue", "forget" }, "[ID]...", 0, PHRASE_MANY, ORDERS,
	    "drop messages for good, delivered or not", ctl_queue_order },
	{ { "replay", NULL }, "", 0, 0,
	    OPTION_MEANT | OPTION_SINCE | OPTION_DRY | OPTION_CHANGED |
		OPTION_ALL | OPTION_PRIMARY | OPTION_YES,
	    "deliver again what the safety net has", ctl_replay },
	{ { "backup", "list" }, "", 0, 0, 0,
	    "domains that this host is the secondary MX of", ctl_backup_list },
	{ { "backup", "show" }, "ITEM", 1, 1, 0,
	    "a domain, or a message by its queue id", ctl_backup_show },
	{ { "backup", "report" }, "DOMAIN", 1, 1, OPTION_SINCE,
	    "what became of its mail; do the books balance?",
	    ctl_backup_report },
	{ { "backup", "hold" }, "ITEM...", 1, PHRASE_MANY, 0,
	    "put on hold messages, or all of domains", ctl_backup_order },
	{ { "backup", "release" }, "ITEM...", 1, PHRASE_MANY, 0,
	    "let go messages, or all of domains", ctl_backup_order },
	{ { "backup", "flush" }, "DOMAIN", 1, 1, 0,
	    "its primary is up: release now, in order", ctl_backup_flush },
	{ { "backup", "drain" }, "[DOMAIN]", 0, 1, 0,
	    "on the primary: the secondaries send what they hold",
	    ctl_backup_drain },
	{ { "maintenance", "start" }, "DOMAIN", 1, 1, OPTION_FOR,
	    "its primary will be down on purpose", ctl_maintenance },
	{ { "maintenance", "end" }, "DOMAIN", 1, 1, 0,
	    "it is over; the probes decide again", ctl_maintenance },
	{ { "maintenance", "list" }, "", 0, 0, 0, "what has been announced",
	    ctl_maintenance },
	{ { "recipient", "list" }, "[DOMAIN]", 0, 1, 0,
	    "recipients that are known, good and bad", ctl_recipient },
	{ { "recipient", "show" }, "ADDRESS", 1, 1, 0,
	    "what is known of one, and from whom", ctl_recipient },
	{ { "recipient", "import" }, "FILE DOMAIN", 2, 2, 0,
	    "those of the domain in the file are good", ctl_recipient },
	{ { "recipient", "forget" }, "ITEM", 1, 1, 0,
	    "forget an address, or all of a domain", ctl_recipient },
	{ { "mx", "check" }, "[DOMAIN]", 0, 1, 0,
	    "would mail find its way? look at the MX now", ctl_mx },
	{ { "takeover", NULL }, "HOST", 1, 1, 0,
	    "answer for this peer's open messages from now on", ctl_order },
	{ { "reload", NULL }, "", 0, 0, 0, "read the configuration again",
	    ctl_order },
	{ { "config", "check" }, "", 0, 0, OPTION_DOMAINS | OPTION_RECIPIENTS,
	    "check the files and what the MTA does with mail",
	    ctl_config_check },
	{ { "config", "domains" }, "", 0, 0, 0,
	    "the domains whose mail this host's MTA takes",
	    ctl_config_domains },
	{ { "config", "show" }, "[SETTING]", 0, 1, OPTION_CHANGED,
	    "the settings as they are; with -s, the daemon's",
	    ctl_config_show },
	{ { "key", "generate" }, "[FILE]", 0, 1, 0,
	    "make this host's key and print its pin", ctl_key_generate },
	{ { "key", "show" }, "[FILE]", 0, 1, 0, "print the pin of the key",
	    ctl_key_show },
};

const size_t phrase_count = sizeof(phrases) / sizeof(*phrases);

/* Bits: which phrases are still possible. */
typedef unsigned long set;

static const char *
word_of(size_t i, int depth)
{
	return depth < PHRASE_WORDS ? phrases[i].words[depth] : NULL;
}

/* Those of from whose word at this depth begins with text; those that are
 * exactly text, if any, alone. */
static set
narrow(set from, int depth, const char *text)
{
	set begun = 0, same = 0;

	for (size_t i = 0; i < phrase_count; i++) {
		const char *word = word_of(i, depth);

		if ((from >> i & 1) == 0 || word == NULL ||
		    strncmp(word, text, strlen(text)) != 0)
			continue;
		begun |= 1ul << i;
		if (strcmp(word, text) == 0)
			same |= 1ul << i;
	}
	return same != 0 ? same : begun;
}

/* The one word that all of them have at this depth, NULL when they differ. */
static const char *
only_word(set from, int depth)
{
	const char *only = NULL;

	for (size_t i = 0; i < phrase_count; i++) {
		const char *word = word_of(i, depth);

		if ((from >> i & 1) == 0 || word == NULL)
			continue;
		if (only != NULL && strcmp(only, word) != 0)
			return NULL;
		only = word;
	}
	return only;
}

static int
has_word(set from, int depth)
{
	for (size_t i = 0; i < phrase_count; i++)
		if ((from >> i & 1) != 0 && word_of(i, depth) != NULL)
			return 1;
	return 0;
}

static void
say_possible(set from, int depth)
{
	const char *last = "";

	fputs("possible:", stderr);
	for (size_t i = 0; i < phrase_count; i++) {
		const char *word = word_of(i, depth);

		/* Phrases with the same word stand together in the table. */
		if ((from >> i & 1) != 0 && word != NULL &&
		    strcmp(word, last) != 0)
			fprintf(stderr, " %s", last = word);
	}
	fputs("\n", stderr);
}

const struct phrase *
phrase_find(char **argv, int argc, int *used)
{
	set possible = (1ul << phrase_count) - 1;
	int depth;

	for (depth = 0; depth < PHRASE_WORDS; depth++) {
		set next;

		if (!has_word(possible, depth))
			break; /* the phrase is complete */
		if (depth >= argc) {
			fprintf(stderr, "shadowmxctl: a word is missing; ");
			say_possible(possible, depth);
			return NULL;
		}
		next = narrow(possible, depth, argv[depth]);
		if (next == 0 || only_word(next, depth) == NULL) {
			fprintf(stderr, "shadowmxctl: %s \"%s\"; ",
			    next == 0 ? "unknown word" : "ambiguous word",
			    argv[depth]);
			say_possible(next == 0 ? possible : next, depth);
			return NULL;
		}
		possible = next;
	}
	*used = depth;
	for (size_t i = 0; i < phrase_count; i++)
		if ((possible >> i & 1) != 0)
			return &phrases[i];
	return NULL;
}
