/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_list.h"
#include "ctl_text.h"

/* The exit status that says "a person should look". */
#define EX_ATTENTION 1

struct status {
	const struct ctl *ctl;
	int attention;
	int seen;
};

static const char *
text_of(const struct record *r, const char *path, char *out, size_t size)
{
	const char *text = record_text(r, path);

	return text_show(out, size, text == NULL ? "?" : text);
}

/* "LABEL  word N   word N ..." */
struct count {
	const char *path;
	const char *word;
};

static void
print_counts(const struct record *r, const char *label,
    const struct count *counts, size_t n)
{
	printf("%-12s", label);
	for (size_t i = 0; i < n; i++)
		printf("  %s %lld", counts[i].word,
		    record_number(r, counts[i].path, 0));
	putchar('\n');
}

static void
print_attention(const struct record *r)
{
	char word[64];

	printf("%-12s", "attention");
	if (record_count(r, "attention") == 0)
		printf("  none");
	for (size_t i = 0; i < record_count(r, "attention"); i++) {
		const char *text = record_word(r, "attention", i);

		printf("  %s",
		    text_show(word, sizeof(word), text == NULL ? "?" : text));
	}
	putchar('\n');
}

static void
print_head(const struct record *r)
{
	char node[300], version[64], mta[32], age[TEXT_SPAN];

	printf("%-12s  %s  version %s  up %s  mta %s\n", "host",
	    text_of(r, "node", node, sizeof(node)),
	    text_of(r, "version", version, sizeof(version)),
	    text_age(age, record_number(r, "uptime_ms", -1)),
	    text_of(r, "mta", mta, sizeof(mta)));
}

static void
print_store(const struct record *r)
{
	char used[TEXT_SPAN], quota[TEXT_SPAN], age[TEXT_SPAN];
	long long limit = record_number(r, "store.quota_bytes", 0);
	long long oldest = record_number(r, "store.oldest_age_ms", 0);

	printf("%-12s  %s", "store",
	    text_size(used, record_number(r, "store.bytes", 0)));
	if (limit > 0)
		printf(" of %s", text_size(quota, limit));
	if (oldest > 0)
		printf("  oldest %s", text_age(age, oldest));
	putchar('\n');
}

static void
print_status(const struct record *r)
{
	static const struct count own[] = { { "own.open", "open" },
		{ "own.holding", "holding" },
		{ "own.unprotected", "unprotected" },
		{ "own.doubtful", "doubtful" } };
	static const struct count ever[] = { { "own.accepted", "accepted" },
		{ "own.accepted_unprotected", "unprotected" },
		{ "own.refused", "refused" }, { "own.finished", "finished" } };
	static const struct count kept[] = { { "store.shadow", "shadow" },
		{ "store.claimed", "claimed" }, { "store.handed", "handed" },
		{ "store.quarantined", "quarantined" } };

	print_head(r);
	print_attention(r);
	print_counts(r, "own", own, 4);
	print_counts(r, "since start", ever, 4);
	print_counts(r, "kept", kept, 4);
	print_store(r);
	if (record_count(r, "peers") > 0) {
		putchar('\n');
		(void)list_peers(r, "peers");
	}
}

/* The daemon's own list of reasons decides; without one, the counts do. */
static int
needs_person(const struct record *r)
{
	int bad = record_count(r, "attention") > 0 ||
		  record_number(r, "own.unprotected", 0) > 0 ||
		  record_number(r, "own.doubtful", 0) > 0 ||
		  record_number(r, "store.quarantined", 0) > 0;

	for (size_t i = 0; i < record_count(r, "peers"); i++) {
		const struct record *peer = record_item(r, "peers", i);
		const char *state =
		    peer == NULL ? NULL : record_text(peer, "state");

		bad |= state != NULL && strcmp(state, "silent") == 0;
	}
	return bad;
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct status *status = ctx;
	struct record *r = record_parse(json, len);

	if (r == NULL)
		return SMX_EPROTO;
	status->seen = 1;
	status->attention |= needs_person(r);
	if (status->ctl->json)
		printf("%.*s\n", (int)len, json);
	else
		print_status(r);
	record_free(&r);
	return 0;
}

int
ctl_status(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct ctl look = *ctl;
	struct status status = { .ctl = ctl };
	int rc;

	/* Lines are looked at here either way: they decide the exit status. */
	look.json = 0;
	rc = ctl_ask(&look, phrase, args, count, take_line, &status);
	if (rc != EX_OK)
		return rc;
	if (!status.seen) {
		fputs("shadowmxctl: the daemon said nothing\n", stderr);
		return EX_SOFTWARE;
	}
	return status.attention ? EX_ATTENTION : EX_OK;
}
