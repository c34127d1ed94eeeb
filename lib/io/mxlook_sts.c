/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxlook.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/mxlook_in.h"
#include "io/stsfetch.h"

/* One that is good is had again after so long, though its id is the same; none
 * that is longer is kept, or domains could fill the memory. */
#define KEPT_MS  (INT64_C(24) * 3600 * 1000)
#define KEPT_MAX 4096

/* ---- the record ---- */

int
mxlook_sts(struct mxlooking *l)
{
	struct mxcheck_look *look = l->look;
	char name[300];
	int rc;

	snprintf(name, sizeof(name), "_mta-sts.%s", l->question->domain);
	rc = mxlook_ask(l, name, DNS_TXT);
	if (rc == SMX_ECLOSED)
		return rc;
	if (rc != SMX_OK && rc != SMX_ENOTFOUND)
		return SMX_OK;
	look->sts = THERE_NO;
	for (size_t i = 0; i < l->answer.count; i++) {
		char id[MXCHECK_STS];

		if (mxcheck_sts(l->answer.list[i].text, id) != SMX_OK)
			continue;
		look->sts = THERE_YES;
		look->sts_count++;
		memcpy(look->sts_id, id, sizeof(id));
	}
	if (look->sts_count > 1)
		look->sts_id[0] = '\0';
	return SMX_OK;
}

/* ---- what is kept ---- */

void
mxlook_kept_free(struct mxlook_kept *kept)
{
	free(kept->text);
	memset(kept, 0, sizeof(*kept));
}

static int
is_kept(const struct mxlooking *l)
{
	const struct mxlook_kept *kept = l->question->kept;

	return kept != NULL && kept->text != NULL && !l->question->fresh &&
	       strcmp(kept->id, l->look->sts_id) == 0 &&
	       clock_mono_ms() < kept->had_ms + KEPT_MS;
}

/* With nothing to be said of it. */
static int
is_good(const struct mxcheck_look *look)
{
	if (look->sts_policy != THERE_YES)
		return 0;
	for (size_t i = 0; i < look->count; i++)
		if (look->policy.mode != STS_NONE &&
		    !stspolicy_names(&look->policy, look->hosts[i].name))
			return 0;
	return 1;
}

static void
keep(struct mxlooking *l, struct buf *text)
{
	struct mxlook_kept *kept = l->question->kept;

	if (kept == NULL)
		return;
	mxlook_kept_free(kept);
	if (text->len > KEPT_MAX || !is_good(l->look))
		return;
	kept->text = buf_take(text, &kept->len);
	memcpy(kept->id, l->look->sts_id, sizeof(kept->id));
	kept->had_ms = clock_mono_ms();
}

/* ---- the policy ---- */

static void
addresses_add(struct buf *out, const struct dnsanswer *answer, int family)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < answer->count && i < STSFETCH_ADDRESSES; i++) {
		if (inet_ntop(family, answer->list[i].address, text,
			sizeof(text)) == NULL)
			continue;
		(void)buf_fmt(out, family == AF_INET ? "%s%s" : "%s[%s]",
		    out->len == 0 ? "" : ",", text);
	}
}

/* SMX_ENOTFOUND: it has none, or that is not known; see sts_why. */
static int
addresses_of(struct mxlooking *l, const char *host, struct buf *out)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	int sure = 1;

	for (size_t i = 0; i < 2; i++) {
		int rc = mxlook_ask(l, host, types[i]);

		if (rc == SMX_ECLOSED)
			return rc;
		if (rc == SMX_OK)
			addresses_add(out, &l->answer,
			    types[i] == DNS_A ? AF_INET : AF_INET6);
		sure &= rc == SMX_OK || rc == SMX_ENOTFOUND;
	}
	if (out->len != 0)
		return buf_error(out);
	snprintf(l->look->sts_why, sizeof(l->look->sts_why),
	    sure ? "%.100s has no address"
		 : "the address of %.100s cannot be looked up",
	    host);
	return SMX_ENOTFOUND;
}

static int
fetch(struct mxlooking *l, struct buf *text)
{
	const struct mxlook_question *q = l->question;
	struct stsfetch question = { .domain = q->domain,
		.ca = l->looker->options.ca,
		.max = STSPOLICY_BYTES,
		.until_mono_ms = clock_mono_ms() + q->probe_ms,
		.waiting = q->waiting,
		.waiting_ctx = q->waiting_ctx };
	struct buf addresses;
	char host[256];
	int rc = stsfetch_host(host, sizeof(host), q->domain);

	if (question.until_mono_ms > l->until_ms)
		question.until_mono_ms = l->until_ms;
	buf_init(&addresses, 0);
	if (rc == SMX_OK)
		rc = addresses_of(l, host, &addresses);
	if (rc == SMX_OK) {
		question.addresses = addresses.data;
		rc = stsfetch(&question, text, l->look->sts_why);
	}
	buf_free(&addresses);
	return rc;
}

static void
read_policy(struct mxcheck_look *look, const char *text, size_t len)
{
	char why[STSPOLICY_WHY];

	look->sts_policy = THERE_YES;
	if (stspolicy_parse(&look->policy, text, len, why) == SMX_OK)
		return;
	look->sts_policy = THERE_NO;
	look->sts_unread = 1;
	(void)text_copy(look->sts_why, sizeof(look->sts_why), why);
}

static int
fetch_and_read(struct mxlooking *l)
{
	struct buf text;
	int rc;

	buf_init(&text, 0);
	rc = fetch(l, &text);
	if (rc == SMX_OK)
		read_policy(l->look, text.len != 0 ? text.data : "", text.len);
	else if (rc == SMX_ETEMP || rc == SMX_ENOTFOUND)
		l->look->sts_policy = THERE_NO;
	keep(l, &text);
	buf_free(&text);
	/* no such name: nothing can be told of it */
	return rc == SMX_ECLOSED || rc == SMX_ENOMEM ? rc : SMX_OK;
}

int
mxlook_policy(struct mxlooking *l)
{
	const struct mxlook_kept *kept = l->question->kept;

	if (l->look->sts_count != 1)
		return SMX_OK;
	if (!stsfetch_is_possible()) {
		(void)text_copy(l->look->sts_why, sizeof(l->look->sts_why),
		    "not looked at: built without libcurl");
		return SMX_OK;
	}
	if (!is_kept(l))
		return fetch_and_read(l);
	read_policy(l->look, kept->text, kept->len);
	/* the hosts may be others by now */
	return is_good(l->look) ? SMX_OK : fetch_and_read(l);
}
