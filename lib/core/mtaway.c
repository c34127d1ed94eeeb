/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>

/* The lines of examples/postfix-master.cf as one command for each service. */

static int
any_chrooted_smtpd(const struct mta_check *c)
{
	for (size_t i = 0; i < c->services->count; i++)
		if (c->services->list[i].chroot &&
		    strcmp(c->services->list[i].program, "smtpd") == 0)
			return 1;
	return 0;
}

/* "name inet n" or "name unix n" for what shadowmxd connects to; NULL: Postfix
 * has no sockets there. */
static const char *
service_head(struct mta_check *c, const char *target, const char **id)
{
	static const char *const folders[] = { "/public/", "/private/" };
	size_t len = strlen(c->queue);
	const char *type = "inet", *name = target, *shown = "n";

	if (strncmp(target, "unix:", 5) == 0) {
		type = "unix";
		name = NULL;
		if (strncmp(target + 5, c->queue, len) != 0)
			return NULL;
		for (size_t i = 0; i < 2; i++) {
			size_t n = strlen(folders[i]);

			if (strncmp(target + 5 + len, folders[i], n) != 0)
				continue;
			name = target + 5 + len + n;
			shown = i == 0 ? "n" : "y";
		}
		if (name == NULL || strchr(name, '/') != NULL)
			return NULL;
	}
	*id = mta_fmt(c->arena, "%s/%s", name, type);
	return mta_fmt(c->arena, "%s %s %s", name, type, shown);
}

/* This version of Postfix may know nothing of it. */
static const char *
bare_newline(struct mta_check *c)
{
	if (mta_value(c->main, "smtpd_forbid_bare_newline") == NULL)
		return "";
	return mta_fmt(c->arena,
	    " -o smtpd_forbid_bare_newline=%s"
	    " -o smtpd_forbid_bare_newline_exclusions=",
	    mta_value(c->main, "smtpd_forbid_bare_newline_reject_code") == NULL
		? "yes"
		: "reject");
}

int
fix_way(struct finding *f, const char *target, enum mta_way way)
{
	static const char *const names[MTA_WAYS] = { "shadowmx",
		"shadowmx-amended", "shadowmx-held" };
	struct mta_check *c = f->check;
	const char *id, *head = service_head(c, target, &id);
	const char *line;

	if (head == NULL)
		return 0;
	line = mta_fmt(c->arena,
	    "%s=%s - %s - 10 smtpd -o syslog_name=postfix/%s -o smtpd_milters="
	    " -o smtpd_tls_security_level=none%s -o "
	    "smtpd_authorized_xforward_hosts=127.0.0.0/8"
	    " -o smtpd_client_connection_count_limit=0"
	    " -o smtpd_client_connection_rate_limit=0%s"
	    " -o receive_override_options=no_header_body_checks%s",
	    id, head, any_chrooted_smtpd(c) ? "y" : "n", names[way],
	    bare_newline(c),
	    way == MTA_WAY_HELD ? " -o smtpd_end_of_data_restrictions="
				  "check_client_access,static:HOLD"
				: "",
	    way == MTA_WAY_PLAIN ? "" : ",no_address_mappings");
	fix_run(f,
	    mta_fmt(c->arena, "postconf -c %s -M %s",
		finding_quote(c, c->config_directory), finding_quote(c, line)));
	return 1;
}
