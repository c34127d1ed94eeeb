/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_list.h"
#include "ctl_text.h"

/*
 * The exit status is the one that monitoring systems know.  The daemon tells
 * its reasons in two lists, as the levels of its log: what needs an operator,
 * and what may need one.
 */
static const char *const levels[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

struct status {
	const struct ctl *ctl;
	int level; /* EX_OK, EX_WARNING, EX_CRITICAL */
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
print_words(const struct record *r, const char *path, const char *between)
{
	char word[64];

	for (size_t i = 0; i < record_count(r, path); i++) {
		const char *text = record_word(r, path, i);

		printf("%s%s", i == 0 ? "" : between,
		    text_show(word, sizeof(word), text == NULL ? "?" : text));
	}
}

static void
print_attention(const struct record *r)
{
	printf("%-12s  ", "attention");
	if (record_count(r, "attention") == 0)
		printf("none");
	print_words(r, "critical", "  ");
	if (record_count(r, "critical") != 0 && record_count(r, "warning") != 0)
		printf("  ");
	print_words(r, "warning", "  ");
	putchar('\n');
}

/* "SHADOWMX LEVEL - reasons | name=value ...", as monitoring plug-ins write. */
static void
print_brief(const struct record *r, int level)
{
	static const struct count values[] = { { "own.open", "open" },
		{ "own.unprotected", "unprotected" }, { "own.short", "short" },
		{ "own.doubtful", "doubtful" }, { "store.shadow", "shadows" },
		{ "store.claimed", "claimed" },
		{ "store.quarantined", "quarantined" },
		{ "store.bytes", "bytes" } };
	char node[300];

	printf("SHADOWMX %s - %s", levels[level],
	    text_of(r, "node", node, sizeof(node)));
	if (record_count(r, "attention") != 0)
		printf(": ");
	print_words(r, "attention", ", ");
	printf(" |");
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		printf(" %s=%lld", values[i].word,
		    record_number(r, values[i].path, 0));
	putchar('\n');
}

static void
print_head(const struct record *r)
{
	char node[300], version[64], mta[32], age[TEXT_SPAN];

	printf("%-12s  %s  version %s  up %s  mta %s%s\n", "host",
	    text_of(r, "node", node, sizeof(node)),
	    text_of(r, "version", version, sizeof(version)),
	    text_age(age, record_number(r, "uptime_ms", -1)),
	    text_of(r, "mta", mta, sizeof(mta)),
	    record_true(r, "draining") ? "  draining" : "");
	if (record_number(r, "leaving_ms", 0) > 0)
		printf("%-12s  for %s\n", "leaving",
		    text_age(age, record_number(r, "leaving_ms", 0)));
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
	if (record_number(r, "store.damaged", 0) > 0)
		printf("  damaged %lld", record_number(r, "store.damaged", 0));
	if (record_true(r, "store.suspect"))
		printf("  suspect");
	putchar('\n');
}

/* They have no shadow yet. */
static void
print_local(const struct record *r)
{
	char age[TEXT_SPAN];

	printf("%-12s  waiting for pickup %lld  oldest %s\n", "local mail",
	    record_number(r, "own.local_waiting", 0),
	    text_age(age, record_number(r, "own.local_oldest_ms", 0)));
}

static void
print_net(const struct record *r)
{
	char used[TEXT_SPAN], age[TEXT_SPAN];
	long long missed = record_number(r, "net.missed", 0);

	if (!record_true(r, "net.on"))
		return;
	printf("%-12s  %s  messages %lld  slices %lld", "safety net",
	    text_size(used, record_number(r, "net.bytes", 0)),
	    record_number(r, "net.messages", 0),
	    record_number(r, "net.slices", 0));
	if (record_number(r, "net.oldest_age_ms", 0) > 0)
		printf("  oldest %s",
		    text_age(age, record_number(r, "net.oldest_age_ms", 0)));
	if (record_number(r, "net.waiting", 0) > 0)
		printf("  waiting %lld", record_number(r, "net.waiting", 0));
	if (missed > 0)
		printf("  missed %lld", missed);
	putchar('\n');
}

/* Only where messages are given to next hops. */
static void
print_delivery(const struct record *r)
{
	static const struct count counts[] = { { "delivery.messages",
						   "messages" },
		{ "delivery.partial", "in part" },
		{ "delivery.refused_recipients", "refused rcpts" },
		{ "delivery.refused", "refused" },
		{ "delivery.unsure", "unsure" },
		{ "delivery.over_limit", "over the limit" },
		{ "delivery.served_again", "served again" } };
	long long any = 0;

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		any += record_number(r, counts[i].path, 0);
	if (any != 0)
		print_counts(r, "delivered", counts,
		    sizeof(counts) / sizeof(*counts));
}

/* Only where there is a policy of that kind. */
static void
print_backup(const struct record *r)
{
	static const struct count counts[] = { { "backup.domains", "domains" },
		{ "backup.up", "up" }, { "backup.down", "down" },
		{ "backup.announced", "announced" },
		{ "backup.held_messages", "on hold" },
		{ "backup.queued", "queued rcpts" } };

	if (record_number(r, "backup.domains", -1) >= 0)
		print_counts(r, "backup MX", counts,
		    sizeof(counts) / sizeof(*counts));
}

static void
print_acknowledged(const struct record *r)
{
	static const char *const earned[] = { "delivered", "shadowed", "short",
		"unprotected", "unasked", "resent" };
	size_t n = record_count(r, "acknowledged");
	char bound[32];

	for (size_t e = 0; e < sizeof(earned) / sizeof(*earned); e++) {
		long long all = 0;

		for (size_t i = 0; i < n; i++)
			all += record_number(record_item(r, "acknowledged", i),
			    earned[e], 0);
		if (all == 0)
			continue;
		printf("%-12s", earned[e]);
		for (size_t i = 0; i < n; i++) {
			const struct record *one =
			    record_item(r, "acknowledged", i);
			long long below = record_number(one, "below_ms", -1);

			if (below < 0)
				snprintf(bound, sizeof(bound), "more");
			else if (below < 1000)
				snprintf(bound, sizeof(bound), "<%lldms",
				    below);
			else
				snprintf(bound, sizeof(bound), "<%llds",
				    below / 1000);
			printf("  %s %lld", bound,
			    record_number(one, earned[e], 0));
		}
		putchar('\n');
	}
}

static void
print_status(const struct record *r)
{
	static const struct count own[] = { { "own.open", "open" },
		{ "own.holding", "holding" },
		{ "own.unprotected", "unprotected" }, { "own.short", "short" },
		{ "own.to_copy", "to copy" }, { "own.doubtful", "doubtful" },
		{ "own.isolated", "isolated" }, { "fence.fenced", "fenced" } };
	static const struct count ever[] = { { "own.accepted", "accepted" },
		{ "own.accepted_unprotected", "unprotected" },
		{ "own.accepted_short", "short" }, { "own.refused", "refused" },
		{ "own.finished", "finished" }, { "own.resends", "resends" } };
	static const struct count kept[] = { { "store.shadow", "shadow" },
		{ "store.claimed", "claimed" }, { "store.handed", "handed" },
		{ "store.quarantined", "quarantined" } };
	static const struct count ended[] = { { "store.done",
	    "primary not told" } };

	print_head(r);
	print_attention(r);
	print_counts(r, "own", own, sizeof(own) / sizeof(*own));
	if (record_number(r, "own.local_waiting", 0) > 0)
		print_local(r);
	print_counts(r, "since start", ever, sizeof(ever) / sizeof(*ever));
	print_counts(r, "kept", kept, 4);
	/* No mail any more: what became of it is remembered. */
	if (record_number(r, "store.done", 0) > 0)
		print_counts(r, "ended here", ended, 1);
	print_store(r);
	print_net(r);
	print_delivery(r);
	print_backup(r);
	print_acknowledged(r);
	if (record_count(r, "peers") > 0) {
		putchar('\n');
		(void)list_peers(r, "peers");
	}
}

/* An older daemon has one list. */
static int
level_of(const struct record *r)
{
	if (record_count(r, "critical") > 0)
		return EX_CRITICAL;
	return record_count(r, "attention") > 0 ? EX_WARNING : EX_OK;
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct status *status = ctx;
	struct record *r = record_parse(json, len);

	if (r == NULL)
		return SMX_EPROTO;
	status->seen = 1;
	status->level = level_of(r);
	if (status->ctl->json)
		printf("%.*s\n", (int)len, json);
	else if ((status->ctl->given & OPTION_BRIEF) != 0)
		print_brief(r, status->level);
	else
		print_status(r);
	record_free(&r);
	return 0;
}

/* Whatever goes wrong here, the state of the host is not known. */
static int
unknown(const struct ctl *ctl, const char *text)
{
	if (!ctl->json && (ctl->given & OPTION_BRIEF) != 0)
		printf("SHADOWMX %s - %s\n", levels[EX_UNKNOWN], text);
	return EX_UNKNOWN;
}

int
ctl_status(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct status status = { .ctl = ctl };

	(void)phrase;
	(void)args;
	(void)count;
	if (ctl_say(ctl, "status", take_line, &status) != EX_OK)
		return unknown(ctl, "the daemon does not answer");
	if (!status.seen) {
		fputs("shadowmxctl: the daemon said nothing\n", stderr);
		return unknown(ctl, "the daemon said nothing");
	}
	return status.level;
}
