/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/shadowmx.h>

#include "base/buf.h"
#include "core/envelope.h"
#include "core/pfcat.h"
#include "core/table.h"

/* ---- what postcat prints ---- */

#define A "/proc/self/fd/7"
#define B "/proc/self/fd/8"

static void
pfcat_file_is_good(const struct pfcat_file *f)
{
	size_t count;

	if (f->text == NULL)
		return;
	fuzz_saw(20);
	fuzz_must(f->client_len <= f->len, "the CLIENT line is in it");
	fuzz_must(envelope_check(f->text, f->len, PFCAT_RECIPIENTS_MAX,
		      &count) == SMX_OK,
	    "what was read is an envelope");
	fuzz_saw(30 + (count > 50 ? 50 : (unsigned)count));
}

static uint64_t
pfcat_read(const char *data, size_t len, uint64_t pieces)
{
	static struct pfcat cat;
	uint64_t came = 0;
	size_t n;

	pfcat_init(&cat);
	fuzz_must(pfcat_add(&cat, A) == SMX_OK && pfcat_add(&cat, B) == SMX_OK,
	    "two files");
	for (size_t at = 0; at < len; at += n) {
		n = pieces == 0 ? len : fuzz_piece(&pieces, len - at);
		pfcat_feed(&cat, data + at, n);
	}
	fuzz_must(cat.ended <= cat.count && cat.count == 2, "files");
	fuzz_must(cat.line.len <= PFCAT_LINE_MAX, "a line has its ceiling");
	fuzz_saw((unsigned)cat.ended * 2 + (cat.forged != 0));
	fuzz_saw(10 + (unsigned)cat.stage);
	for (size_t i = 0; i < cat.ended && !cat.forged; i++) {
		pfcat_file_is_good(&cat.file[i]);
		if (cat.file[i].text != NULL)
			came =
			    fuzz_mix(came, cat.file[i].text, cat.file[i].len);
	}
	came = fuzz_mix(came, &cat.ended, sizeof(cat.ended));
	came = fuzz_mix(came, &cat.forged, sizeof(cat.forged));
	pfcat_done(&cat);
	return came;
}

static void
pfcat_run(const char *data, size_t len)
{
	fuzz_must(pfcat_read(data, len, 0) ==
		      pfcat_read(data, len, len * 2 + 1),
	    "in pieces the same is read");
}

#define BEGIN(name) "*** ENVELOPE RECORDS " name " ***\n"
#define REST(name)                                                             \
	"*** MESSAGE CONTENTS " name " ***\n*** HEADER EXTRACTED " name        \
	" ***\n*** MESSAGE FILE END " name " ***\n"

static const char *const pfcat_seeds[] = {
	BEGIN(A) "message_size:   1  2  3  0  1   1\nsender: a@x\n"
		 "named_attribute: notify_flags=4\n"
		 "named_attribute: dsn_orig_rcpt=rfc822;o+x@z\n"
		 "original_recipient: list@y\nrecipient: b@y\n"
		 "done_recipient: c@y\n" REST(A) BEGIN(
		     B) "sender: \n"
			"named_attribute: encoding=8bit\nredirect_to: r@z\n"
			"recipient: \"a b\"@y\n" REST(B),
	BEGIN(A) "sender: a@x\nnamed_attribute: client_name=c\n"
		 "named_attribute: log_client_address=192.0.2.7\n"
		 "named_attribute: envelope_id=e+1\n"
		 "named_attribute: ret_flags=2\nrecipient: \303\266@y\n" REST(
		     A),
	NULL
};

static const char *const pfcat_words[] = { "\n", BEGIN(A), BEGIN(B), REST(A),
	REST(B), "*** MESSAGE CONTENTS " A " ***\n", "sender: ", "recipient: ",
	"done_recipient: ", "canceled_recipient: ", "original_recipient: ",
	"redirect_to: ", "named_attribute: ", "notify_flags=", "ret_flags=",
	"envelope_id=", "encoding=", "dsn_orig_rcpt=", "client_name=",
	"sasl_username=", "message_size: ", "rfc822;", "@", "\"", "\\", NULL };

const struct fuzz_target fuzz_pfcat = { "pfcat", pfcat_run, pfcat_seeds,
	pfcat_words };

/* ---- tables of recipients ---- */

static uint64_t
table_of(const char *data, size_t len, uint64_t pieces)
{
	struct table *t = NULL;
	struct table_fault fault;
	uint64_t came = 0;
	size_t n, keys = 0;
	int rc;

	memset(&fault, 0, sizeof(fault));
	fuzz_must(table_new(&t) == SMX_OK, "a table");
	rc = SMX_OK;
	for (size_t at = 0; at < len && rc == SMX_OK; at += n) {
		n = pieces == 0 ? len : fuzz_piece(&pieces, len - at);
		rc = table_read(t, data + at, n, &fault);
	}
	if (rc == SMX_OK)
		rc = table_end(t, &fault);
	if (rc == SMX_OK) {
		keys = table_count(t);
		for (int form = 0; form < TABLE_FORMS; form++)
			fuzz_saw(100 + (unsigned)form * 2 +
				 (table_has(t, form) != 0));
		(void)table_find(t, 7, "a@b", 3);
	} else {
		fuzz_must(fault.message != NULL && fault.line > 0,
		    "it says what is wrong, and where");
		fuzz_must(strnlen(fault.text, sizeof(fault.text)) <
			      sizeof(fault.text),
		    "the text ends");
		came = fuzz_mix(came, fault.message, strlen(fault.message));
		fuzz_saw((unsigned)came);
		came = fuzz_mix(came, &fault.line, sizeof(fault.line));
	}
	fuzz_saw(200 + (keys > 50 ? 50 : (unsigned)keys));
	table_release(&t);
	came = fuzz_mix(came, &rc, sizeof(rc));
	return fuzz_mix(came, &keys, sizeof(keys));
}

static void
table_run(const char *data, size_t len)
{
	fuzz_must(table_of(data, len, 0) == table_of(data, len, len * 2 + 1),
	    "in pieces the same is read");
}

static const char *const table_seeds[] = {
	"# comment\n\nceo@example.com\nMixed@Case.Example\tOK\n"
	"abuse@ anything\n@exact.example\nexample.net x\n.below.example x\n",
	"a@b\r\na@b\r\n\303\266@example.org y", NULL
};

static const char *const table_words[] = { "\n", "\r\n", "\t", " ", "@", ".",
	"# ", "\"", "a@b OK\n", "@x.example\n", "postmaster@\n", ".y\n",
	"\xef\xbb\xbf", "\xff", NULL };

const struct fuzz_target fuzz_table = { "table", table_run, table_seeds,
	table_words };

/* ---- the configuration ---- */

static void
told(void *ctx, const struct smx_config_problem *p)
{
	unsigned *problems = ctx;
	char line[512];

	*problems += p->warning == 0;
	smx_config_problem_format(p, line, sizeof(line));
	fuzz_must(line[strcspn(line, "\n")] == '\0', "a problem is one line");
	fuzz_saw((unsigned)fuzz_mix(0, p->message, strlen(p->message)));
}

static int
put_line(void *ctx, const char *line, size_t len)
{
	buf_add(ctx, line, len);
	return buf_str(ctx, "\n") == SMX_OK ? 0 : 1;
}

static char *
written(const struct smx_config *config)
{
	struct buf b;

	buf_init(&b, 0);
	fuzz_must(smx_config_write(config, NULL, 0, put_line, &b) == 0,
	    "it can be written");
	fuzz_must(buf_str(&b, "") == SMX_OK, "memory");
	return buf_take(&b, NULL);
}

/* What was read can be written, and read again as the same. */
static void
config_again(const struct smx_config *config)
{
	struct smx_config *again = NULL;
	unsigned problems = 0;
	char *text = written(config), *text2;

	fuzz_must(smx_config_parse(&again, text, "again", told, &problems) ==
		      SMX_OK,
	    "what was written can be read");
	text2 = written(again);
	fuzz_must(strcmp(text, text2) == 0, "and is the same");
	smx_config_release(&again);
	free(text);
	free(text2);
}

/* No file is named by what is put in: only the text is looked at. */
static int
names_files(const char *text)
{
	return strstr(text, "include") != NULL || strstr(text, "/d") != NULL;
}

static void
config_run(const char *data, size_t len)
{
	struct smx_config *config = NULL;
	unsigned problems = 0;
	char *text = malloc(len + 1);
	int rc;

	if (text == NULL)
		return;
	memcpy(text, data, len);
	text[len] = '\0';
	if (!names_files(text)) {
		rc = smx_config_parse(&config, text, "fuzz", told, &problems);
		fuzz_must((rc == SMX_OK) == (config != NULL), "one or none");
		fuzz_must(rc == SMX_OK || problems > 0,
		    "it says what is wrong");
		fuzz_saw(rc == SMX_OK ? 1 : 2);
		if (rc == SMX_OK)
			config_again(config);
		smx_config_release(&config);
	}
	free(text);
}

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char *const config_seeds[] = {
	"node = \"mx1.example.org\"; site = \"tokyo\";\n"
	"milter = { listen = \"inet:8892@127.0.0.1\"; memory_limit = \"16K\"; "
	"};\n"
	"store = { driver = \"memory\"; quota = \"20G\"; };\n"
	"peers = { heartbeat = \"30s\"; takeover_after = \"10m\"; members = (\n"
	"  { name = \"mx2\"; address = \"192.0.2.2:8825\"; site = \"osaka\";\n"
	"    pin = \"" PIN "\"; } ); };\n"
	"defaults = { acknowledge = { copies = 1; max_delay = \"10s\";\n"
	"  when_unprotected = ( \"tempfail\", \"10m\", \"accept\" ); }; };\n"
	"policies = ( { name = \"p\"; match = { recipients = ( \"a@b\" );\n"
	"  domains = ( \"c\" ); client_networks = ( \"192.0.2.0/24\" );\n"
	"  authenticated = true; min_size = \"1M\"; max_size = \"2M\"; };\n"
	"  acknowledge = { when = (); sites = ( \"osaka\" ); }; } );\n",
	"node = \"a\"; defaults = { acknowledge = { when = ();\n"
	"  when_unprotected = \"accept\"; }; };\n",
	NULL
};

static const char *const config_words[] = { "node", "site", "milter", "store",
	"peers", "members", "defaults", "acknowledge", "policies", "match",
	"name = ", "copies = ", "min_copies = ", "max_delay = ", "placement = ",
	"\"remote_only\"", "when_unprotected = ", "\"accept\"", "\"tempfail\"",
	"recipients = ", "domains = ", "client_networks = ", "client_asns = ",
	"client_countries = ", "authenticated = ", "own_networks = ",
	"min_size = ", "max_size = ", "takeover = { ask = ", "\"10m\"",
	"\"1G\"", "0x7fffffffffffffff", "-1", "1e999", "true", " = ", ";", "{",
	"}", "(", ")", "[", "]", ",", "\"", "\\x00", "\\n", "#", "//", "/*",
	"*/", NULL };

const struct fuzz_target fuzz_config = { "config", config_run, config_seeds,
	config_words };
