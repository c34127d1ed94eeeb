/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "base/clock.h"

/*
 * Two whole engines, joined in memory: a message comes to the one, the other
 * keeps its shadow in a durable store; an operator looks, and a configuration
 * is read again.  An acknowledged message that was said to be shadowed is in
 * the holder's store afterwards.
 */
#define PIN  "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define BODY 40000

static char body[BODY];
static struct smx_key promised;
static int is_promised;
static unsigned round_no;

static int
config_make(struct smx_config **out, const char *node, const char *peer)
{
	static char text[2048];

	snprintf(text, sizeof(text),
	    "node = \"%s\"; run_directory = \"%s\";\n"
	    "milter = { memory_limit = \"16K\"; spill = \"%s\"; };\n"
	    "store = { driver = \"memory\"; path = \"%s\"; };\n"
	    "peers = { heartbeat = \"100ms\"; takeover_after = \"1h\";\n"
	    "  members = ( { name = \"%s\"; address = \"192.0.2.2:8825\";\n"
	    "    pin = \"" PIN "\"; } ); };\n"
	    "defaults = { acknowledge = { max_delay = \"1s\";\n"
	    "  when_unprotected = \"tempfail\"; }; };\n",
	    node, flow_folder, flow_path("spill"), flow_path("none"), peer);
	return smx_config_parse(out, text, "text", NULL, NULL);
}

struct host {
	struct smx_config *config;
	struct smx_store store;
	struct smx_link link;
	struct smx_engine *engine;
};

static int
host_begin(struct host *h, const char *node, const char *peer)
{
	struct smx_engine_ports ports = { .store = &h->store,
		.link = &h->link };
	int rc = config_make(&h->config, node, peer);

	if (rc == SMX_OK)
		rc = smx_engine_new(&h->engine, h->config, &ports);
	if (rc == SMX_OK)
		rc = smx_engine_start(h->engine);
	return rc;
}

static void
host_end(struct host *h)
{
	smx_engine_free(&h->engine);
	smx_link_close(&h->link);
	smx_store_close(&h->store);
	smx_config_release(&h->config);
}

static int
store_open(struct smx_store *store)
{
	const struct smx_store_options options = { .path = flow_path("store"),
		.body_file_bytes = 4096,
		.tombstone_ms = 1000 };
	char why[256];

	return smx_store_open_sqlite(store, &options, why, sizeof(why));
}

static int
message(struct smx_session *session, struct smx_verdict *v)
{
	const char *params[] = { "SIZE=40000" };
	char id[32];
	int rc;

	snprintf(id, sizeof(id), "4jX%u", ++round_no);
	rc = smx_session_mail(session, "<a@b.example>", params, 1);
	if (rc == SMX_OK)
		rc = smx_session_rcpt(session, "<c@d.example>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_session_queue_id(session, id);
	if (rc != SMX_OK)
		return rc;
	/* Told at the end. */
	if (smx_session_header(session, "Subject", " x") == SMX_OK &&
	    smx_session_end_of_header(session) == SMX_OK)
		(void)!smx_session_body(session, body, BODY);
	rc = smx_session_end(session, NULL, NULL, v);
	flow_must(v->accept || v->code[0] == '4',
	    "trouble is a temporary refusal");
	return rc == SMX_OK && !v->accept ? SMX_ETEMP : rc;
}

static int
send_one(struct smx_engine *engine)
{
	const struct smx_session_client client = { .name = "client.example",
		.address = "192.0.2.7" };
	struct smx_session *session = NULL;
	struct smx_verdict v = { .accept = 0 };
	int rc = smx_session_new(&session, engine, &client);

	if (rc == SMX_OK)
		rc = message(session, &v);
	if (rc == SMX_OK) {
		flow_must(v.earned == SMX_EARNED_SHADOWED,
		    "what is accepted is shadowed");
		promised = v.key;
		is_promised = 1;
	}
	smx_session_free(&session);
	return rc;
}

static int
line(void *ctx, const char *json, size_t len)
{
	(void)ctx;
	flow_must(len > 1 && json[0] == '{' && json[len - 1] == '}',
	    "an answer is whole");
	return 0;
}

static int
operate(struct host *h)
{
	struct smx_config *next = NULL;
	char why[256];
	int rc = smx_engine_command(h->engine, "status", line, NULL, why,
	    sizeof(why));

	if (rc == SMX_OK)
		rc = smx_engine_command(h->engine, "queue list", line, NULL,
		    why, sizeof(why));
	if (rc == SMX_OK)
		rc = config_make(&next, "a", "b");
	if (rc == SMX_OK)
		rc = smx_engine_reload(h->engine, next, why, sizeof(why));
	smx_config_release(&next);
	return rc;
}

/* Engines that are not well yet refuse; from one that is, a message is taken
 * in the end. */
static int
send_until(struct host *a)
{
	int64_t until = clock_mono_ms() + 5000;
	int rc;

	while ((rc = send_one(a->engine)) != SMX_OK && clock_mono_ms() < until)
		usleep(20000);
	return rc;
}

static int
act(void)
{
	struct host a, b;
	int rc, sent = SMX_ESTATE;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	is_promised = 0;
	for (size_t i = 0; i < BODY; i++)
		body[i] = i % 64 == 62   ? '\r'
			  : i % 64 == 63 ? '\n'
					 : (char)('a' + i % 23);
	rc = smx_link_open_pair(&a.link, &b.link);
	if (rc == SMX_OK)
		rc = smx_store_open_memory(&a.store,
		    &(struct smx_store_options){ .body_file_bytes = 100000 });
	if (rc == SMX_OK)
		rc = store_open(&b.store);
	if (rc == SMX_OK)
		rc = host_begin(&b, "b", "a");
	if (rc == SMX_OK)
		rc = host_begin(&a, "a", "b");
	if (rc == SMX_OK)
		sent = send_until(&a);
	if (rc == SMX_OK)
		rc = operate(&a);
	host_end(&a);
	host_end(&b);
	return rc != SMX_OK ? rc : sent;
}

static void
judge(void)
{
	struct smx_store store = { NULL, NULL };
	static char back[BODY + 64];
	struct smx_content c;

	flow_must(store_open(&store) == SMX_OK, "the store opens again");
	if (is_promised) {
		flow_must(store.ops->open(store.ctx, &promised, &c) == SMX_OK &&
			      c.size > BODY && c.size < sizeof(back) &&
			      c.read(c.ctx, 0, back, c.size) == SMX_OK &&
			      memcmp(back + c.size - BODY, body, BODY) == 0,
		    "what was acknowledged is at its holder");
		store.ops->close_content(store.ctx, &c);
	}
	smx_store_close(&store);
}

const struct flow flow_hosts = { "hosts", NULL, act, judge, 0 };
