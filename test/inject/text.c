/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <shadowmx/shadowmx.h>

#include "core/amend.h"
#include "core/envelope.h"
#include "core/pfcat.h"

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(flow_path(name), "w");

	flow_must(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0,
	    "a file can be written");
}

/* ---- a configuration with a folder and a table ---- */

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void
conf_prepare(void)
{
	char text[2048];

	put("table", "vip@example.com\n@exact.example\n.below.example\n");
	snprintf(text, sizeof(text),
	    "node = \"mx1\"; site = \"a\";\n"
	    "store = { driver = \"memory\"; path = \"/nonexistent\"; };\n"
	    "peers = { members = ( { name = \"mx2\"; address = "
	    "\"192.0.2.2:8825\"; pin = \"" PIN "\"; } ); };\n"
	    "policies = ( { name = \"vip\"; match = { recipient_tables = "
	    "( \"%s\" ); }; acknowledge = { when = (); }; } );\n",
	    flow_path("table"));
	put("shadowmx.conf", text);
	mkdir(flow_path("conf.d"), 0755);
	put("conf.d/more.conf", "defaults = { acknowledge = { when_unprotected "
				"= \"accept\"; }; };\n"
				"milter = { memory_limit = \"32K\"; };\n");
}

static int
policy_is(const struct smx_config *config, const char *who, const char *policy)
{
	const struct smx_client client = { .address = "192.0.2.7" };
	struct smx_ack ack;

	return smx_policy_recipient(config, &client, who, 5, &ack) != SMX_OK ||
	       strcmp(ack.policy, policy) == 0;
}

static void
told(void *ctx, const struct smx_config_problem *p)
{
	char line[512];

	(void)ctx;
	smx_config_problem_format(p, line, sizeof(line));
}

static int
conf_act(void)
{
	struct smx_config *config = NULL;
	int rc =
	    smx_config_load(&config, flow_path("shadowmx.conf"), told, NULL);

	flow_must((rc == SMX_OK) == (config != NULL), "one or none");
	if (rc == SMX_OK)
		flow_must(smx_config_number(config, "milter.memory_limit") ==
				  32768 &&
			      policy_is(config, "vip@example.com", "vip") &&
			      policy_is(config, "x@exact.example", "vip") &&
			      policy_is(config, "x@a.below.example", "vip") &&
			      policy_is(config, "x@example.com", "defaults"),
		    "what was taken has every part of it");
	smx_config_release(&config);
	return rc;
}

const struct flow flow_configuration = { "configuration", conf_prepare,
	conf_act, NULL, 0 };

/* ---- a large table ---- */

#define LINES 3000

static void
table_prepare(void)
{
	FILE *f;

	conf_prepare();
	f = fopen(flow_path("table"), "w");
	flow_must(f != NULL, "a table can be written");
	for (int i = 0; i < LINES; i++)
		fprintf(f, "u%d@many.example\n", i);
	fputs("vip@example.com\n@exact.example\n.below.example\n", f);
	fclose(f);
}

const struct flow flow_table = { "table", table_prepare, conf_act, NULL, 0 };

/* ---- what postcat prints, and what becomes of it ---- */

#define A "/proc/self/fd/7"
#define BEGIN                                                                  \
	"*** ENVELOPE RECORDS " A " ***\n"                                     \
	"message_size:   1  2  3  0  1   1\nsender: a@x\n"                     \
	"named_attribute: client_name=c\n"
#define END                                                                    \
	"*** MESSAGE CONTENTS " A " ***\n*** HEADER EXTRACTED " A " ***\n"     \
	"*** MESSAGE FILE END " A " ***\n"

static int
postcat_act(void)
{
	static const char old[] =
	    "CLIENT HELO=h\r\nMAIL <a@x>\r\nRCPT <r1@y> NOTIFY=NEVER\r\n";
	static struct pfcat cat;
	char *out = NULL;
	size_t len, count, recipients;
	int rc;

	pfcat_init(&cat);
	rc = pfcat_add(&cat, A);
	pfcat_feed(&cat, BEGIN, sizeof(BEGIN) - 1);
	for (int i = 0; i < 300; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "recipient: r%d@y\n", i);

		pfcat_feed(&cat, line, (size_t)n);
	}
	pfcat_feed(&cat, END, sizeof(END) - 1);
	if (rc == SMX_OK && cat.file[0].text == NULL)
		rc = SMX_ENOMEM;
	if (rc == SMX_OK)
		flow_must(envelope_check(cat.file[0].text, cat.file[0].len,
			      PFCAT_RECIPIENTS_MAX, &count) == SMX_OK &&
			      count == 300,
		    "what was read has every recipient");
	if (rc == SMX_OK)
		rc = amend_merge(old, sizeof(old) - 1,
		    cat.file[0].text + cat.file[0].client_len,
		    cat.file[0].len - cat.file[0].client_len, &out, &len,
		    &recipients);
	flow_must(rc != SMX_OK || recipients == 300,
	    "so has what is made of it");
	free(out);
	pfcat_done(&cat);
	return rc;
}

const struct flow flow_postcat = { "postcat", NULL, postcat_act, NULL, 0 };
