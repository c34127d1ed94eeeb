/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>

const char *
smx_severity_name(enum smx_severity severity)
{
	switch (severity) {
	case SMX_ERROR:
		return "error";
	case SMX_WARNING:
		return "warning";
	case SMX_NOTE:
		break;
	}
	return "note";
}

void
finding_begin(struct finding *f, struct mta_check *check,
    enum smx_severity severity, const char *name)
{
	memset(f, 0, sizeof(*f));
	f->check = check;
	f->f.severity = severity;
	f->f.name = name;
	f->f.where = f->f.setting = f->f.value = "";
	f->f.fixes = f->fixes;
}

static void
place(struct finding *f, const char *where, const char *setting,
    const char *value)
{
	f->f.where = where;
	f->f.setting = setting;
	f->f.value = value == NULL ? "" : value;
}

void
finding_main(struct finding *f, const char *setting, const char *value)
{
	place(f, "main.cf", setting, value);
}

void
finding_conf(struct finding *f, const char *setting, const char *value)
{
	place(f, "shadowmx.conf", setting, value);
}

static const char *
in_master(struct finding *f, const struct mta_service *service)
{
	return mta_fmt(f->check->arena, "master.cf %s", service->id);
}

void
finding_service(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value)
{
	if (service_overrides(service, setting))
		place(f, in_master(f, service), setting, value);
	else
		finding_main(f, setting, value);
}

void
finding_column(struct finding *f, const struct mta_service *service,
    const char *column, const char *value)
{
	place(f, in_master(f, service), column, value);
}

const char *
finding_quote(struct mta_check *check, const char *text)
{
	const char *out = "'";

	for (;;) {
		size_t len = strcspn(text, "'");

		out = mta_fmt(check->arena, "%s%.*s%s", out, (int)len, text,
		    text[len] == '\'' ? "'\\''" : "'");
		if (text[len] == '\0')
			return out;
		text += len + 1;
	}
}

static void
add(struct finding *f, enum smx_fix_kind kind, const char *text)
{
	if (f->f.fix_count == FINDING_FIXES)
		return;
	f->fixes[f->f.fix_count].kind = kind;
	f->fixes[f->f.fix_count].text = text;
	f->f.fix_count++;
}

void
fix_run(struct finding *f, const char *command)
{
	add(f, SMX_FIX_RUN, command);
}

void
fix_conf(struct finding *f, const char *line)
{
	add(f, SMX_FIX_CONF, line);
}

static void
fix_postconf(struct finding *f, const char *option, const char *edit)
{
	struct mta_check *c = f->check;

	fix_run(f, mta_fmt(c->arena, "postconf -c %s %s %s",
		       finding_quote(c, c->config_directory), option,
		       finding_quote(c, edit)));
}

void
fix_main(struct finding *f, const char *setting, const char *value)
{
	fix_postconf(f, "-e",
	    mta_fmt(f->check->arena, "%s = %s", setting, value));
}

/* postconf -P takes no white space: a comma divides as well. */
static const char *
without_blanks(struct mta_check *check, const char *value)
{
	const char *out = "", *word;
	size_t len;

	if (strpbrk(value, " \t") == NULL)
		return value;
	while (mta_word_next(&value, &word, &len))
		out = mta_fmt(check->arena, "%s%s%.*s", out,
		    out[0] == '\0' ? "" : ",", (int)len, word);
	return out;
}

void
fix_override(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value)
{
	fix_postconf(f, "-P",
	    mta_fmt(f->check->arena, "%s/%s=%s", service->id, setting,
		without_blanks(f->check, value)));
}

void
fix_service(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value)
{
	if (service_overrides(service, setting))
		fix_override(f, service, setting, value);
	else
		fix_main(f, setting, value);
}

void
fix_column(struct finding *f, const struct mta_service *service,
    const char *column, const char *value)
{
	fix_postconf(f, "-F",
	    mta_fmt(f->check->arena, "%s/%s=%s", service->id, column, value));
}

void
finding_tell(struct finding *f, const char *why)
{
	f->f.why = why;
	if (!arena_failed(f->check->arena))
		f->check->each(f->check->ctx, &f->f);
}

/* ---- services ---- */

int
service_overrides(const struct mta_service *service, const char *setting)
{
	return mta_value(&service->overrides, setting) != NULL;
}

static int
is_loopback(const char *host, size_t len)
{
	static const char *const names[] = { "loopback-only", "localhost",
		"::1", "[::1]" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == len && memcmp(host, names[i], len) == 0)
			return 1;
	return len > 4 && memcmp(host, "127.", 4) == 0;
}

/* A service without an address is on these. */
static int
all_loopback(const char *interfaces)
{
	const char *word;
	size_t len, words = 0;

	while (mta_word_next(&interfaces, &word, &len)) {
		words++;
		if (!is_loopback(word, len))
			return 0;
	}
	return words > 0;
}

int
service_is_loopback(const struct mta_service *service)
{
	const char *name = service->name, *port = strrchr(name, ':');

	if (strcmp(service->type, "inet") != 0)
		return strcmp(service->type, "unix") == 0;
	if (port == NULL)
		return all_loopback(
		    mta_text(&service->values, "inet_interfaces"));
	return is_loopback(name, (size_t)(port - name));
}

/* One of examples/postfix-master.cf that no setting names. */
int
service_is_unused(const struct mta_service *service)
{
	return strcmp(service->program, "smtpd") == 0 &&
	       strstr(mta_text(&service->overrides, "syslog_name"),
		   "/shadowmx") != NULL;
}

int
service_takes_mail(const struct mta_check *check,
    const struct mta_service *service)
{
	if (strcmp(service->program, "smtpd") != 0)
		return 0;
	for (int i = 0; i < MTA_WAYS; i++)
		if (check->way[i] == service)
			return 0;
	return !service_is_unused(service);
}

int64_t
service_processes(const struct mta_check *check,
    const struct mta_service *service)
{
	int64_t n = service->processes;

	return n >= 0
		   ? n
		   : mta_number(mta_text(check->main, "default_process_limit"));
}
