/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/shadowmx.h>

#include "glue/session.h"
#include "hop_server.h"

/*
 * An engine delivers to two next hops while its client waits: one takes all,
 * the other does not want the message now ("part"), or takes it ("all").  The
 * client comes again when it is told to.  Nobody is lost, and who was delivered
 * to before a refusal is not delivered to again, but for what cannot be known.
 */
#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char *const rcpts[2] = { "<a@a.example>", "<b@b.example>" };
static const struct rule later[] = { { .on = ".",
    .say = "451 4.3.0 Later\r\n" } };

static struct hop_server hops[2];

/* What became of the last message. */
static struct {
	unsigned number;
	int accepted, refused;
	int in_message[2]; /* left for the MTA */
	int before[2];     /* messages that the hops had, before it */
	int unsure;
} was;

static void
hops_start(void)
{
	for (int i = 0; i < 2; i++) {
		memset(&hops[i], 0, sizeof(hops[i]));
		hops[i].offers = "PIPELINING\n8BITMIME";
		hop_server_start(&hops[i]);
	}
}

static void
hops_end(void)
{
	for (int i = 0; i < 2; i++) {
		hop_server_stop(&hops[i]);
		hop_server_free(&hops[i]);
	}
}

static void
hops_be(int willing)
{
	pthread_mutex_lock(&hops[1].lock);
	hops[1].rules = later;
	hops[1].rule_count = willing ? 0 : 1;
	pthread_mutex_unlock(&hops[1].lock);
}

static int
hop_has(int i)
{
	int n;

	pthread_mutex_lock(&hops[i].lock);
	n = hops[i].messages - was.before[i];
	pthread_mutex_unlock(&hops[i].lock);
	return n;
}

/* ---- an engine ---- */

static struct {
	struct smx_config *config;
	struct smx_store store;
	struct smx_link link, other;
	struct smx_engine *engine;
} here;

static int
config_make(void)
{
	static char text[2048];

	snprintf(text, sizeof(text),
	    "node = \"a\"; run_directory = \"%s\";\n"
	    "store = { driver = \"sqlite\"; path = \"%s\"; };\n"
	    "peers = { takeover_after = \"1h\";\n"
	    "  members = ( { name = \"b\"; address = \"192.0.2.2:8825\";\n"
	    "    pin = \"" PIN "\"; } ); };\n"
	    "delivery = { connect = \"2s\"; step = \"2s\"; rcpt_wait = \"2s\"; "
	    "};\n"
	    "defaults = { acknowledge = { max_delay = \"4s\";\n"
	    "  when_unprotected = \"tempfail\"; }; };\n"
	    "policies = (\n"
	    "  { name = \"a\"; match = { recipients = ( \"@a.example\" ); };\n"
	    "    acknowledge = { when = ( \"delivered\" );\n"
	    "      next_hop = \"smtp:[127.0.0.1]:%u\"; }; },\n"
	    "  { name = \"b\"; match = { recipients = ( \"@b.example\" ); };\n"
	    "    acknowledge = { when = ( \"delivered\" );\n"
	    "      next_hop = \"smtp:[127.0.0.1]:%u\"; }; } );\n",
	    flow_folder, flow_path("box"), hops[0].to.port, hops[1].to.port);
	return smx_config_parse(&here.config, text, "text", NULL, NULL);
}

static int
engine_begin_here(void)
{
	struct smx_engine_ports ports = { .store = &here.store,
		.link = &here.link };
	int rc;

	memset(&here, 0, sizeof(here));
	rc = smx_link_open_pair(&here.link, &here.other);
	if (rc == SMX_OK)
		rc = smx_store_open_memory(&here.store,
		    &(struct smx_store_options){ .body_file_bytes = 100000 });
	if (rc == SMX_OK)
		rc = config_make();
	if (rc == SMX_OK)
		rc = smx_engine_new(&here.engine, here.config, &ports);
	if (rc == SMX_OK)
		rc = smx_engine_start(here.engine);
	return rc;
}

static void
engine_end_here(void)
{
	smx_engine_free(&here.engine);
	smx_link_close(&here.link);
	smx_link_close(&here.other);
	smx_store_close(&here.store);
	smx_config_release(&here.config);
	memset(&here, 0, sizeof(here));
}

/* ---- a message ---- */

static int
fill(struct smx_session *s)
{
	char id[64];
	int rc = smx_session_mail(s, "<s@c.example>", NULL, 0);

	for (int i = 0; i < 2 && rc == SMX_OK; i++)
		rc = smx_session_rcpt(s, rcpts[i], NULL, 0);
	snprintf(id, sizeof(id), "4jX%u", was.number);
	if (rc == SMX_OK)
		rc = smx_session_queue_id(s, id);
	snprintf(id, sizeof(id), " <%u@c.example>", was.number);
	if (rc == SMX_OK)
		rc = smx_session_header(s, "Message-ID", id);
	if (rc == SMX_OK)
		rc = smx_session_end_of_header(s);
	if (rc == SMX_OK)
		rc = smx_session_body(s, "x\r\n", 3);
	return rc;
}

static void
keep_envelope(const struct smx_session *s, const struct smx_verdict *v)
{
	char *const *struck = NULL;
	size_t n = session_struck(s, &struck);
	int discarded =
	    v->earned == SMX_EARNED_DELIVERED || v->earned == SMX_EARNED_RESENT;

	for (int i = 0; i < 2; i++) {
		was.in_message[i] = v->accept && !discarded;
		for (size_t k = 0; k < n; k++)
			if (strcmp(struck[k], rcpts[i]) == 0)
				was.in_message[i] = 0;
	}
}

static int
send_it(void)
{
	const struct smx_session_client client = { .name = "client.example",
		.address = "192.0.2.7" };
	struct smx_session *s = NULL;
	struct smx_verdict v = { .accept = 0 };
	int rc = smx_session_new(&s, here.engine, &client);

	was.accepted = was.refused = 0;
	if (rc == SMX_OK) {
		session_guard(s, 1);
		rc = fill(s);
	}
	if (rc == SMX_OK)
		rc = smx_session_end(s, NULL, NULL, &v);
	if (rc == SMX_OK) {
		flow_must(v.accept || v.code[0] == '4',
		    "trouble is a temporary refusal");
		was.accepted = v.accept;
		was.refused = !v.accept;
		keep_envelope(s, &v);
	}
	smx_session_free(&s);
	return rc;
}

static int
line(void *ctx, const char *json, size_t len)
{
	const char *at = strstr(json, "\"unsure\":");

	(void)len;
	flow_must(at != NULL, "what is unsure is counted");
	*(int *)ctx += (int)strtol(at + strlen("\"unsure\":"), NULL, 10);
	return 0;
}

static void
count_unsure(void)
{
	char why[256];

	if (here.engine != NULL)
		flow_must(smx_engine_command(here.engine, "status", line,
			      &was.unsure, why, sizeof(why)) == SMX_OK,
		    "status says what there was");
}

/* ---- the flow ---- */

static int
act(int willing)
{
	int rc;

	hops_start();
	hops_be(willing);
	was.number++;
	was.unsure = 0;
	was.accepted = was.refused = 0;
	was.before[0] = was.before[1] = 0;
	rc = engine_begin_here();
	if (rc == SMX_OK)
		rc = send_it();
	return rc;
}

static int
act_all(void)
{
	return act(1);
}

static int
act_part(void)
{
	return act(0);
}

static void
nobody_is_lost(int willing)
{
	for (int i = 0; was.accepted && i < 2; i++)
		flow_must(was.in_message[i] ||
			      (hop_has(i) > 0 && (i == 0 || willing)),
		    "who is not delivered to is left in the message");
}

/* With another engine, as after a restart: the book alone knows. */
static void
comes_again(int willing)
{
	int had = hop_has(0);

	if (!was.refused)
		return;
	engine_end_here();
	hops_be(1);
	/* what it had it did not take */
	if (!willing)
		was.before[1] += hop_has(1);
	flow_must(engine_begin_here() == SMX_OK, "an engine begins again");
	flow_must(send_it() == SMX_OK && was.accepted,
	    "what comes again is taken");
	nobody_is_lost(1);
	count_unsure();
	flow_must(hop_has(0) - (had != 0) <= (had == 0) + was.unsure,
	    "who was delivered to is not delivered to again");
	flow_must(!was.in_message[0] || hop_has(0) <= was.unsure,
	    "nor by the MTA");
}

static void
judge(int willing)
{
	count_unsure();
	nobody_is_lost(willing);
	comes_again(willing);
	engine_end_here();
	hops_end();
}

static void
judge_all(void)
{
	judge(1);
}

static void
judge_part(void)
{
	judge(0);
}

const struct flow flow_delivery = { "delivery", NULL, act_all, judge_all, 0 };
const struct flow flow_delivery_part = { "delivery-part", NULL, act_part,
	judge_part, 0 };
