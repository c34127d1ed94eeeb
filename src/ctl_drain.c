/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "ctl_json.h"
#include "ctl_text.h"

/* "peer drain" and "drain", and waiting until they have done what they are for.
 * A daemon that is restarted meanwhile is waited for, too. */
#define LOOK_MS   500
#define REPEAT_MS 10000 /* the same news again */

struct watch {
	const struct ctl *ctl;
	const char *command; /* what to ask */
	const char *peer;    /* NULL: this host */
	long long left;      /* what is waited for, -1 not seen */
	long long also;      /* copies that exist elsewhere, too */
};

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct watch *w = ctx;
	struct record *r = record_parse(json, len);
	const char *name;

	if (r == NULL)
		return SMX_EPROTO;
	name = record_text(r, "name");
	if (w->peer == NULL) {
		w->left = record_number(r, "store.shadow", -1);
	} else if (name != NULL && strcmp(name, w->peer) == 0) {
		w->left = record_number(r, "sole", -1);
		w->also = record_number(r, "copies", 0) - w->left;
	}
	record_free(&r);
	return 0;
}

static void
show_progress(const struct watch *w)
{
	if (w->ctl->json)
		printf("{\"left\":%lld,\"also_elsewhere\":%lld}\n", w->left,
		    w->also);
	else if (w->left < 0)
		printf("the daemon does not answer; still waiting\n");
	else if (w->peer == NULL)
		printf("%lld shadows left here\n", w->left);
	else
		printf("%lld messages have their only copy there, %lld more "
		       "have another one\n",
		    w->left, w->also);
	fflush(stdout);
}

static int
wait_for(struct watch *w)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000l };
	long long until = ctl_now_ms() + w->ctl->wait_ms, said_ms = 0;
	long long shown = -2;

	for (;;) {
		char why[512];

		w->left = -1;
		w->also = 0;
		(void)ctl_say_quietly(w->ctl, w->command, take_line, w, why,
		    sizeof(why));
		if (w->left != shown || ctl_now_ms() - said_ms >= REPEAT_MS) {
			show_progress(w);
			shown = w->left;
			said_ms = ctl_now_ms();
		}
		if (w->left == 0)
			return EX_OK;
		if (ctl_now_ms() >= until)
			break;
		nanosleep(&pause, NULL);
	}
	fputs("shadowmxctl: not empty in time; it stays drained\n", stderr);
	return EX_TEMPFAIL;
}

int
ctl_peer_drain(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct watch w = { .ctl = ctl,
		.command = "peer list",
		.peer = args[0] };
	int status = ctl_order(ctl, phrase, args, count);

	if (status != EX_OK || (ctl->given & OPTION_WAIT) == 0)
		return status;
	return wait_for(&w);
}

int
ctl_drain(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct watch w = { .ctl = ctl, .command = "status" };
	int status = ctl_order(ctl, phrase, args, count);

	if (status != EX_OK || (ctl->given & OPTION_WAIT) == 0)
		return status;
	return wait_for(&w);
}
