/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_text.h"

/* "replay": delivered messages out of the safety net. */
struct replay {
	const struct ctl *ctl;
	int dry;
	int begun; /* a message has come */
	int ended; /* the numbers have come */
	long long messages, handed, left;
};

/* ---- the command ---- */

static int
add_time(char *out, size_t size, const char *name, const char *value,
    int last_of_it)
{
	size_t len = strlen(out);
	long long ms = text_moment(value);

	if (ms < 0)
		return text_moment_wrong(name);
	/* To the end of the second that was named. */
	snprintf(out + len, size - len, " %s=%lld", name,
	    ms + (last_of_it ? 999 : 0));
	return EX_OK;
}

/* Bytes that a command's word cannot have become '+' and two hex digits. */
static int
add_text(char *out, size_t size, const char *name, const char *value)
{
	size_t len = strlen(out);

	len += (size_t)snprintf(out + len, size - len, " %s=", name);
	for (; *value != '\0' && len + 4 < size; value++) {
		unsigned char c = (unsigned char)*value;
		int plain = c > 0x20 && c < 0x7f && c != '+' && c != '=';

		len += (size_t)snprintf(out + len, size - len,
		    plain ? "%c" : "+%02X", c);
	}
	if (*value == '\0')
		return EX_OK;
	fprintf(stderr, "shadowmxctl: --%s: too long\n", name);
	return EX_USAGE;
}

static int
make_command(const struct replay *r, char *out, size_t size)
{
	const struct ctl *ctl = r->ctl;
	const struct {
		const char *name;
		const char *value;
	} texts[] = { { "recipient", ctl->recipient },
		{ "sender", ctl->sender }, { "message_id", ctl->message_id },
		{ "primary", ctl->primary } };
	int rc = EX_OK;

	snprintf(out, size, "replay%s%s", r->dry ? " dry" : " --yes",
	    (ctl->given & OPTION_ALL) != 0 ? " all" : "");
	if (ctl->since != NULL)
		rc = add_time(out, size, "since", ctl->since, 0);
	if (rc == EX_OK && ctl->until != NULL)
		rc = add_time(out, size, "until", ctl->until, 1);
	for (size_t i = 0; rc == EX_OK && i < 4; i++)
		if (texts[i].value != NULL)
			rc = add_text(out, size, texts[i].name, texts[i].value);
	if (rc == EX_OK && ctl->limit > 0) {
		size_t len = strlen(out);

		snprintf(out + len, size - len, " limit=%lld", ctl->limit);
	}
	return rc;
}

/* ---- the answer ---- */

static void
show_text(const struct record *r, const char *path, const char *none)
{
	char text[1200];
	const char *value = record_text(r, path);

	printf("  %s", value == NULL || value[0] == '\0'
			   ? none
			   : text_show(text, sizeof(text), value));
}

static void
show_recipients(const struct record *r)
{
	long long all = record_number(r, "recipient_count", 0);
	size_t named = record_count(r, "recipients");
	char text[1200];

	printf("  ");
	for (size_t i = 0; i < named; i++) {
		const char *word = record_word(r, "recipients", i);

		printf("%s%s", i == 0 ? "" : ",",
		    text_show(text, sizeof(text), word == NULL ? "?" : word));
	}
	if (all > (long long)named)
		printf(",... (%lld)", all);
}

/* time key primary queue-id sender recipients size message-id [outcome] */
static void
show_message(const struct replay *replay, const struct record *r)
{
	char when[TEXT_MOMENT], size[TEXT_SPAN];

	printf("%s", text_moment_show(when, record_number(r, "time_ms", -1)));
	show_text(r, "key", "-");
	show_text(r, "primary", "-");
	show_text(r, "queue_id", "-");
	show_text(r, "sender", "<>");
	show_recipients(r);
	printf("  %s", text_size(size, record_number(r, "size", -1)));
	show_text(r, "message_id", "-");
	if (!replay->dry) {
		show_text(r, "outcome", "?");
		show_text(r, "text", "");
	}
	putchar('\n');
	fflush(stdout);
}

static void
show_end(struct replay *replay, const struct record *r)
{
	long long damaged = record_number(r, "damaged", 0);

	if (replay->dry)
		printf("%lld messages\n", replay->messages);
	else
		printf("%lld messages: %lld handed, %lld refused, %lld "
		       "failed\n",
		    replay->messages, replay->handed,
		    record_number(r, "refused", 0),
		    record_number(r, "failed", 0));
	if (damaged > 0)
		printf("%lld damaged, which go nowhere\n", damaged);
	if (replay->left > 0)
		printf("%lld are another member's to replay; --all takes "
		       "them, too\n",
		    replay->left);
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct replay *replay = ctx;
	struct record *r = record_parse(json, len);

	if (r == NULL)
		return SMX_EPROTO;
	if (record_number(r, "progress", -1) >= 0) {
		record_free(&r);
		return 0;
	}
	if (record_number(r, "messages", -1) >= 0) {
		replay->ended = 1;
		replay->messages = record_number(r, "messages", 0);
		replay->handed = record_number(r, "handed", 0);
		replay->left = record_number(r, "left_to_others", 0);
	}
	replay->begun = 1;
	if (replay->ctl->json) {
		printf("%.*s\n", (int)len, json);
		fflush(stdout);
	} else if (replay->ended)
		show_end(replay, r);
	else
		show_message(replay, r);
	record_free(&r);
	return 0;
}

int
ctl_replay(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct replay r = { .ctl = ctl };
	int yes = (ctl->given & OPTION_YES) != 0;
	int only = (ctl->given & (OPTION_DRY | OPTION_CHANGED)) != 0;
	char command[COMMAND_MAX];
	int rc;

	(void)phrase;
	(void)args;
	(void)count;
	r.dry = only || !yes;
	rc = make_command(&r, command, sizeof(command));
	if (rc == EX_OK)
		rc = ctl_say(ctl, command, take_line, &r);
	if (rc != EX_OK) {
		if (!r.dry && r.begun)
			fputs("shadowmxctl: what has a line above with "
			      "\"handed\" went; the rest did not\n",
			    stderr);
		return rc;
	}
	if (r.dry && !only && r.messages > 0) {
		fputs("shadowmxctl: nothing was done, --yes does it\n", stderr);
		return EX_NOT_ALL;
	}
	return r.dry || r.handed == r.messages ? EX_OK : EX_NOT_ALL;
}
