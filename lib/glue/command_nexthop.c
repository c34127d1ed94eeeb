/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/clock.h"
#include "glue/node_impl.h"
#include "io/hop_probe.h"

/* An operator waits for it, and more than a next hop should need. */
#define PROBE_MS 20000

static const char *
state_word(const struct hopstate *s, int64_t now_ms)
{
	if (s->backoff_ms == 0)
		return "up";
	return now_ms < s->down_until_ms ? "down" : "trial";
}

struct list {
	struct command *command;
	struct buf line;
	int64_t now_ms;
	int rc;
};

static void
counters(struct buf *b, const struct hopstate *s)
{
	json_num(b, "answers", (long long)s->answers);
	json_num(b, "delivered", (long long)s->delivered);
	json_num(b, "refused", (long long)s->refused);
	json_num(b, "unsure", (long long)s->unsure);
	json_num(b, "slow", (long long)s->slow);
	json_num(b, "failed", (long long)s->failed);
}

static void
list_one(void *ctx, const struct hopstate *s, size_t idle)
{
	struct list *list = ctx;
	struct buf *b = &list->line;
	int64_t left = s->down_until_ms - list->now_ms;

	if (list->rc != SMX_OK)
		return;
	json_open(b);
	json_str(b, "name", s->name);
	json_str(b, "state", state_word(s, list->now_ms));
	json_num(b, "since_ms", list->now_ms - s->since_ms);
	json_num(b, "failures", s->failures);
	json_num(b, "backoff_ms", s->backoff_ms);
	json_num(b, "backoff_left_ms",
	    s->backoff_ms == 0 || left < 0 ? 0 : left);
	json_num(b, "rcpt_ms", s->rcpt_ms);
	json_num(b, "data_ms", s->data_ms);
	counters(b, s);
	json_num(b, "idle", (long long)idle);
	json_num(b, "used_ago_ms", list->now_ms - s->last_ms);
	json_str(b, "reason", s->why);
	json_close(b);
	list->rc = command_line(list->command, b);
}

static int
list_all(struct command *c)
{
	struct list list = { .command = c, .now_ms = clock_mono_ms() };

	buf_init(&list.line, 0);
	courier_each(c->node->courier, list_one, &list);
	buf_free(&list.line);
	return list.rc;
}

static void
probe_members(struct buf *b, const struct hop_probe *probe)
{
	json_str(b, "peer", probe->peer);
	json_bool(b, "encrypted", probe->encrypted);
	json_str(b, "offers", probe->offers);
	json_num(b, "connect_ms", probe->times.connect);
	json_num(b, "rcpt_ms", probe->times.rcpt);
	json_num(b, "code", probe->answer.code);
	json_str(b, "enhanced", probe->answer.enhanced);
	json_str(b, "text", probe->answer.text);
}

static int
probe(struct command *c, const struct nexthop *to, const char *name)
{
	struct hops *hops = courier_hops(c->node->courier);
	struct hop_probe p;
	struct buf b;
	int rc;

	if (hops == NULL)
		return command_fail(c, SMX_ESTATE,
		    "nothing can be delivered; the log says why", "");
	rc = hop_probe(hops, to, clock_mono_ms() + PROBE_MS, &p);
	if (rc != SMX_OK && rc != SMX_ETIMEOUT)
		return rc;
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "name", name);
	json_str(&b, "result",
	    rc != SMX_OK                   ? "silent"
	    : p.answer.class == HOP_YES    ? "ready"
	    : p.answer.code == 0           ? "unreachable"
	    : p.answer.class == HOP_CANNOT ? "unreachable"
					   : "refuses");
	probe_members(&b, &p);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}

static int
reset(struct command *c, const char *name)
{
	struct buf b;
	size_t closed;
	int rc = courier_reset(c->node->courier, name, &closed);

	if (rc == SMX_ENOTFOUND)
		return command_fail(c, rc, "nothing is known of this next hop",
		    name);
	if (rc != SMX_OK)
		return rc;
	buf_init(&b, 0);
	json_open(&b);
	json_num(&b, "closed", (long long)closed);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}

int
command_nexthop(struct command *c)
{
	int lists = strcmp(c->word[1], "list") == 0;
	int probes = strcmp(c->word[1], "probe") == 0;
	char name[NEXTHOP_TEXT] = "";
	struct nexthop to;

	if (lists)
		return c->words == 2
			   ? list_all(c)
			   : command_fail(c, SMX_EINVAL,
				 "all are listed, none by its name", "");
	if (c->words > 3 || c->words < (probes ? 3u : 2u))
		return command_fail(c, SMX_EINVAL, "one next hop is needed",
		    "");
	if (c->words == 2)
		return reset(c, NULL);
	if (nexthop_parse(&to, c->word[2]) != SMX_OK || to.kind == NEXTHOP_MTA)
		return command_fail(c, SMX_EINVAL,
		    "not a next hop, as \"smtp:[host]:25\"", c->word[2]);
	nexthop_format(&to, name);
	return probes ? probe(c, &to, name) : reset(c, name);
}
