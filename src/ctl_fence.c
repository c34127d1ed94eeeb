/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "ctl_json.h"
#include "ctl_text.h"

/*
 * "fence": all members are asked what they have taken over of this host's
 * messages, and these are put on hold, before the MTA begins to deliver.  A
 * daemon that does not answer yet is waited for.
 */
#define LOOK_MS   100
#define WAIT_MS   30000 /* without --wait */
#define NAMES_MAX 1024

struct fence {
	const struct ctl *ctl;
	int seen; /* the daemon has answered */
	int able;
	long long pending, fenced, held, persons;
	size_t members, silent; /* silent: have not answered */
	char names[NAMES_MAX];  /* of these */
	char failing[64];
};

static void
add_name(struct fence *f, const char *name)
{
	size_t len = strlen(f->names);
	char shown[300];

	(void)text_show(shown, sizeof(shown), name == NULL ? "?" : name);
	(void)snprintf(f->names + len, sizeof(f->names) - len, "%s%s",
	    len == 0 ? "" : " ", shown);
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct fence *f = ctx;
	struct record *r = record_parse(json, len);
	const char *failing;

	if (r == NULL)
		return SMX_EPROTO;
	f->seen = 1;
	f->able = record_true(r, "able");
	f->pending = record_number(r, "pending", -1);
	f->fenced = record_number(r, "fenced", 0);
	f->held = record_number(r, "held", 0);
	f->persons = record_number(r, "persons", 0);
	failing = record_text(r, "failing");
	(void)text_show(f->failing, sizeof(f->failing),
	    failing == NULL ? "" : failing);
	f->members = record_count(r, "members");
	f->silent = 0;
	f->names[0] = '\0';
	for (size_t i = 0; i < f->members; i++) {
		const struct record *m = record_item(r, "members", i);

		if (m != NULL && record_true(m, "answered"))
			continue;
		f->silent++;
		add_name(f, m == NULL ? NULL : record_text(m, "name"));
	}
	record_free(&r);
	return 0;
}

/* Members are asked anew after a restart of the daemon, which forgets that it
 * was to ask: it asks all at its start anyway. */
static int
is_done(const struct fence *f)
{
	return f->seen && f->silent == 0 && f->pending == 0;
}

static int
wait_for(struct fence *f, long long until)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000l };
	const char *command = "fence now";
	char why[512];
	int rc;

	for (;;) {
		f->seen = 0;
		why[0] = '\0';
		rc = ctl_say_quietly(f->ctl, command, take_line, f, why,
		    sizeof(why));
		/* What was asked just now cannot have been answered. */
		if (rc == SMX_OK && command[5] == '\0' && is_done(f))
			return EX_OK;
		if (rc == SMX_OK)
			command = "fence";
		if (rc == SMX_EPERM || rc == SMX_EINVAL)
			return ctl_complain(f->ctl, rc, why);
		if (ctl_now_ms() >= until)
			return EX_TEMPFAIL;
		nanosleep(&pause, NULL);
	}
}

static void
show(const struct fence *f, int status)
{
	if (f->ctl->json) {
		printf("{\"result\":\"%s\",\"answered\":%zu,\"members\":%zu,"
		       "\"held\":%lld,\"on_hold_before\":%lld,"
		       "\"pending\":%lld}\n",
		    status == EX_OK ? "ok" : "temporary",
		    f->members - f->silent, f->members, f->held, f->persons,
		    f->pending);
		return;
	}
	if (!f->seen)
		return;
	printf("%zu of %zu members answered\n", f->members - f->silent,
	    f->members);
	printf("%lld messages on hold that others have taken over", f->held);
	if (f->persons > 0)
		printf(", %lld more were on hold before", f->persons);
	putchar('\n');
}

static void
complain(const struct fence *f)
{
	fflush(stdout);
	if (!f->seen)
		fputs("shadowmxctl: the daemon does not answer\n", stderr);
	if (f->seen && f->silent != 0)
		fprintf(stderr, "shadowmxctl: no answer from: %s\n", f->names);
	if (f->seen && f->pending > 0)
		fprintf(stderr,
		    "shadowmxctl: %lld messages are not decided yet\n",
		    f->pending);
	if (f->seen && !f->able)
		fputs("shadowmxctl: nothing can be put on hold here\n", stderr);
	if (f->seen && f->failing[0] != '\0')
		fprintf(stderr,
		    "shadowmxctl: the queue could not be changed: %s\n",
		    f->failing);
}

int
ctl_fence(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct fence f = { .ctl = ctl };
	long long wait =
	    (ctl->given & OPTION_WAIT) != 0 ? ctl->wait_ms : WAIT_MS;
	int status;

	(void)phrase;
	(void)args;
	(void)count;
	status = wait_for(&f, ctl_now_ms() + wait);
	show(&f, status);
	if (status != EX_OK)
		complain(&f);
	return status;
}
