/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>
#include <strings.h>

/*
 * A primary MX that is back says so with ETRN: Postfix has to ask shadowmxd
 * about it.
 */
#define RESTRICTIONS "smtpd_etrn_restrictions"

/* "unix:path", or the first word of "{ unix:path, timeout = 10s }". */
static const char *
service_of(struct mta_check *c, const char *word, size_t len)
{
	if (len != 0 && word[0] == '{') {
		word += 1 + strspn(word + 1, " \t");
		len = strcspn(word, " \t,}");
	}
	return mta_fmt(c->arena, "%.*s", (int)len, word);
}

static int
asks_us(struct mta_check *c, const struct mta_service *s)
{
	const char *list = mta_text(&s->values, RESTRICTIONS);
	const char *word, *leads_to;
	int policy = 0;
	size_t len;

	while (mta_word_next(&list, &word, &len)) {
		if (policy && endpoint_is(c, service_of(c, word, len),
				  s->chroot, c->conf->backup_etrn, &leads_to))
			return 1;
		policy = len == strlen("check_policy_service") &&
			 strncasecmp(word, "check_policy_service", len) == 0;
	}
	return 0;
}

void
mtacheck_etrn(struct mta_check *c)
{
	const char *list = mta_text(c->main, RESTRICTIONS);
	const char *raw = mta_text(c->raw, RESTRICTIONS);
	char ours[ENDPOINT_TEXT];
	struct finding f;

	if (c->conf->backup_etrn[0] == '\0')
		return;
	for (size_t i = 0; i < c->services->count; i++)
		if (service_takes_mail(c, &c->services->list[i]) &&
		    asks_us(c, &c->services->list[i]))
			return;
	endpoint_words(c, c->conf->backup_etrn, ours);
	finding_begin(&f, c, SMX_WARNING, "etrn");
	finding_main(&f, RESTRICTIONS, list);
	fix_main(&f, RESTRICTIONS,
	    mta_fmt(c->arena,
		"check_policy_service {%s, default_action=DUNNO}%s%s", ours,
		raw[0] == '\0' ? "" : ", ", raw));
	finding_tell(&f,
	    "backup.etrn is set, and Postfix does not ask there: the ETRN of a "
	    "primary that is back releases nothing");
}
