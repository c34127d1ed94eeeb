/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxcheck_in.h"

#include <stdio.h>
#include <string.h>

/* ---- the record ---- */

int
mxcheck_sts(const char *text, char id[MXCHECK_STS])
{
	static const char version[] = "v=STSv1";
	const char *at = text + sizeof(version) - 1;

	id[0] = '\0';
	if (strncmp(text, version, sizeof(version) - 1) != 0)
		return SMX_ENOTFOUND;
	while ((at = strchr(at, ';')) != NULL) {
		size_t n;

		at += 1 + strspn(at + 1, " \t");
		if (strncmp(at, "id=", 3) != 0)
			continue;
		n = strcspn(at + 3, "; \t");
		if (n >= MXCHECK_STS)
			n = MXCHECK_STS - 1;
		memcpy(id, at + 3, n);
		id[n] = '\0';
		break;
	}
	return SMX_OK;
}

static void
sts(const struct mxcheck_look *look, const struct mxcheck_known *known,
    struct mxcheck_findings *out)
{
	if (look->sts == THERE_UNSURE)
		return;
	if (look->sts_count > 1)
		mxcheck_add(out, MX_STS_SEVERAL, MXLEVEL_WARNING, "",
		    "%u records at _mta-sts: as good as none", look->sts_count);
	else if (known->sts_id[0] != '\0' &&
		 strcmp(known->sts_id, look->sts_id) != 0)
		mxcheck_add(out, MX_STS_CHANGED, MXLEVEL_WARNING, "",
		    look->sts_id[0] == '\0'
			? "the MTA-STS record (id %s) is gone"
			: "the MTA-STS policy has changed from id %s to id %s:"
			  " it has to name every MX host",
		    known->sts_id, look->sts_id);
}

/* ---- the policy ---- */

/* Whose it is, for a sentence. */
static const char *
whose(const struct mxcheck_host *h)
{
	return h->own ? ", the backup" : h->primary ? ", the primary" : "";
}

/* A record announces exactly one. */
static int
is_announced(const struct mxcheck_look *look)
{
	return look->sts == THERE_YES && look->sts_count == 1;
}

static void
absent(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	if (look->sts_policy != THERE_NO)
		return;
	if (look->sts_unread)
		mxcheck_add(out, MX_STS_INVALID, MXLEVEL_WARNING, "",
		    "the MTA-STS policy cannot be read: %s", look->sts_why);
	else
		mxcheck_add(out, MX_STS_NO_POLICY, MXLEVEL_WARNING, "",
		    "_mta-sts announces a policy that cannot be fetched: %s",
		    look->sts_why);
}

/* Who honours it delivers to no host that it does not name. */
static void
coverage(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	for (size_t i = 0; i < look->count; i++) {
		const struct mxcheck_host *h = &look->hosts[i];

		if (stspolicy_names(&look->policy, h->name))
			continue;
		if (look->policy.mode == STS_ENFORCE)
			mxcheck_add(out, MX_STS_NOT_COVERED, MXLEVEL_ALARM,
			    h->name,
			    "the MTA-STS policy does not name %s%s: who"
			    " honours it does not deliver there",
			    h->name, whose(h));
		else
			mxcheck_add(out, MX_STS_NOT_COVERED, MXLEVEL_WARNING,
			    h->name,
			    "the MTA-STS policy does not name %s%s; its mode"
			    " is testing, mail comes there as yet",
			    h->name, whose(h));
	}
}

/* What is wrong with how it speaks TLS; 0: nothing, or it is not known. */
static int
tls_fault(const struct mxcheck_host *h, char out[MXCHECK_TEXT])
{
	if (h->excused)
		return 0;
	if (h->tls == MXTLS_NOT_OFFERED)
		snprintf(out, MXCHECK_TEXT, "it does not offer STARTTLS");
	else if (h->tls == MXTLS_FAILED)
		snprintf(out, MXCHECK_TEXT, "%s", h->tls_said);
	else
		return 0;
	return 1;
}

static void
certificates(const struct mxcheck_look *look, struct mxcheck_findings *out)
{
	enum mxcheck_level level =
	    look->policy.mode == STS_ENFORCE ? MXLEVEL_ALARM : MXLEVEL_WARNING;
	char fault[MXCHECK_TEXT];

	for (size_t i = 0; i < look->count; i++) {
		const struct mxcheck_host *h = &look->hosts[i];

		if (!tls_fault(h, fault)) {
			if (h->excused || h->tls != MXTLS_YES ||
			    h->certified != THERE_NO)
				continue;
			snprintf(fault, sizeof(fault), "its certificate: %s",
			    h->tls_said);
		}
		mxcheck_add(out, MX_STS_NO_TLS, level, h->name,
		    "the MTA-STS policy (%s) wants authenticated TLS of"
		    " %.128s%s: %.128s",
		    stspolicy_mode_word(look->policy.mode), h->name, whose(h),
		    fault);
	}
}

/* ---- TLSA ---- */

static void
tlsa(const struct mxcheck_host *h, struct mxcheck_findings *out)
{
	enum mxcheck_level level =
	    h->tlsa_secure ? MXLEVEL_ALARM : MXLEVEL_WARNING;
	char fault[MXCHECK_TEXT];

	if (h->tlsa != THERE_YES)
		return;
	if (h->tlsa_usable == THERE_NO)
		mxcheck_add(out, MX_TLSA_UNUSABLE, MXLEVEL_WARNING, h->name,
		    "no TLSA record of %s is of a usage that mail has (2, 3)",
		    h->name);
	if (!tls_fault(h, fault)) {
		if (h->excused || h->tls != MXTLS_YES ||
		    h->tlsa_matches != THERE_NO)
			return;
		snprintf(fault, sizeof(fault), "it shows another certificate");
	}
	mxcheck_add(out, MX_TLSA_DIFFERS, level, h->name,
	    "the TLSA record of %.128s%s is not kept to: %.100s%s", h->name,
	    whose(h), fault,
	    h->tlsa_secure ? "" : " (not known whether it is signed)");
}

void
mxcheck_policy(const struct mxcheck_look *look,
    const struct mxcheck_known *known, struct mxcheck_findings *out)
{
	for (size_t i = 0; i < look->count; i++)
		tlsa(&look->hosts[i], out);
	sts(look, known, out);
	if (!is_announced(look))
		return;
	absent(look, out);
	if (look->sts_policy != THERE_YES || look->policy.mode == STS_NONE)
		return;
	coverage(look, out);
	certificates(look, out);
}

/* ---- what one look can tell ---- */

static const struct mxcheck_host *
find_host(const struct mxcheck_look *look, const char *name)
{
	for (size_t i = 0; i < look->count; i++)
		if (strcmp(look->hosts[i].name, name) == 0)
			return &look->hosts[i];
	return NULL;
}

static int
knows_tls(const struct mxcheck_host *h, enum mxcheck_there about)
{
	if (h->excused || h->tls == MXTLS_NOT_ASKED)
		return 0;
	return h->tls != MXTLS_YES || about != THERE_UNSURE;
}

static int
knows_tlsa(const struct mxcheck_host *h, enum mxcheck_what what)
{
	if (h->tlsa != THERE_YES)
		return h->tlsa == THERE_NO;
	if (what == MX_TLSA_UNUSABLE)
		return h->tlsa_usable != THERE_UNSURE;
	return h->tlsa_usable == THERE_NO || knows_tls(h, h->tlsa_matches);
}

int
mxcheck_knows_policy(const struct mxcheck_look *look, enum mxcheck_what what,
    const char *subject)
{
	const struct mxcheck_host *h = find_host(look, subject);

	if (what == MX_TLSA_UNUSABLE || what == MX_TLSA_DIFFERS)
		return h == NULL || knows_tlsa(h, what);
	if (look->sts == THERE_UNSURE)
		return 0;
	if (!is_announced(look))
		return 1;
	switch (what) {
	case MX_STS_NO_POLICY:
		return look->sts_policy != THERE_UNSURE;
	case MX_STS_INVALID:
		return look->sts_policy == THERE_YES || look->sts_unread;
	default:
		break;
	}
	if (look->sts_policy != THERE_YES)
		return 0;
	if (what == MX_STS_NO_TLS && h != NULL && look->policy.mode != STS_NONE)
		return knows_tls(h, h->certified);
	return 1;
}
