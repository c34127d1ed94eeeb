/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>

const struct phrase phrases[] = {
	{ { "status", NULL }, "", 0, 0,
	    "how this host is; exit status 1 when a person should look",
	    ctl_status },
	{ { "peer", "list" }, "", 0, 0, "the peers and how they are",
	    ctl_peer_list },
	{ { "queue", "list" }, "[STATE] [PEER]", 0, 2,
	    "shadows kept here and own open messages", ctl_queue_list },
	{ { "queue", "show" }, "KEY", 1, 1, "one shadow with its envelope",
	    ctl_queue_show },
	{ { "queue", "cat" }, "KEY", 1, 1, "the message as it came",
	    ctl_queue_cat },
	{ { "queue", "forget" }, "KEY", 1, 1,
	    "drop a shadow for good, delivered or not", ctl_order },
	{ { "queue", "release" }, "KEY", 1, 1,
	    "try a quarantined message again", ctl_order },
	{ { "takeover", NULL }, "HOST", 1, 1,
	    "answer for this peer's open messages from now on", ctl_order },
	{ { "reload", NULL }, "", 0, 0, "read the configuration again",
	    ctl_order },
	{ { "config", "check" }, "", 0, 0, "check the files, ask no daemon",
	    ctl_config_check },
	{ { "config", "show" }, "", 0, 0,
	    "every setting and where it comes from; with -s, the daemon's",
	    ctl_config_show },
	{ { "key", "generate" }, "[FILE]", 0, 1,
	    "make this host's key and print its pin", ctl_key_generate },
	{ { "key", "show" }, "[FILE]", 0, 1, "print the pin of the key",
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
