/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>

/*
 * Filters that take the message and bring it back: after the queue
 * (content_filter) and before it (smtpd_proxy_filter).  The shadow has to begin
 * again, or begin at all, where the mail comes back.
 */
static int
is_covered(struct mta_check *c, const struct mta_service *s)
{
	struct milter_found found;

	milter_find(c, mta_text(&s->values, "smtpd_milters"), s->chroot,
	    &found);
	return found.place == MILTER_LAST &&
	       !mta_has_word(mta_text(&s->values, "receive_override_options"),
		   "no_milters");
}

/* An smtpd for this host alone, where neither filter is asked. */
static int
is_way_back(const struct mta_check *c, const struct mta_service *s)
{
	return service_takes_mail(c, s) && service_is_loopback(s) &&
	       mta_text(&s->values, "content_filter")[0] == '\0' &&
	       mta_text(&s->values, "smtpd_proxy_filter")[0] == '\0';
}

/* 1 there is one and all are covered, 0 not; fixes what can be. */
static int
judge_ways_back(struct mta_check *c, struct finding *f)
{
	int ways = 0, covered = 0;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];
		struct milter_found found;

		if (!is_way_back(c, s))
			continue;
		ways++;
		if (is_covered(c, s)) {
			covered++;
			continue;
		}
		milter_find(c, mta_text(&s->values, "smtpd_milters"), s->chroot,
		    &found);
		fix_override(f, s, "smtpd_milters", found.proper);
		if (mta_has_word(mta_text(&s->values,
				     "receive_override_options"),
			"no_milters"))
			fix_override(f, s, "receive_override_options",
			    "no_unknown_recipient_checks,no_header_body_"
			    "checks");
	}
	return ways > 0 && ways == covered;
}

static void
check_filter(struct mta_check *c, const struct mta_service *s,
    const char *setting)
{
	int before = strcmp(setting, "smtpd_proxy_filter") == 0;
	const char *value = mta_text(&s->values, setting);
	struct finding f;

	if (value[0] == '\0')
		return;
	finding_begin(&f, c, before ? SMX_ERROR : SMX_WARNING,
	    before ? "proxy-filter" : "content-filter");
	finding_service(&f, s, setting, value);
	if (judge_ways_back(c, &f))
		return;
	if (f.f.fix_count == 0)
		fix_service(&f, s, setting, "");
	finding_tell(&f,
	    before ? "Postfix shows no content to milters here: mail gets no "
		     "shadow unless the smtpd that it comes back to asks "
		     "shadowmx"
		   : "the shadow ends when the filter has taken the message; "
		     "it begins again only when the smtpd that it comes back "
		     "to asks shadowmx");
}

void
mtacheck_filters(struct mta_check *c)
{
	static const char *const settings[] = { "content_filter",
		"smtpd_proxy_filter" };

	for (size_t k = 0; k < 2; k++) {
		int told = 0;

		for (size_t i = 0; i < c->services->count; i++) {
			const struct mta_service *s = &c->services->list[i];
			int own = service_overrides(s, settings[k]);

			if (!service_takes_mail(c, s) || (told && !own))
				continue;
			check_filter(c, s, settings[k]);
			told |= !own;
		}
	}
}
