/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Findings about the MTA, as text and as JSON. */

/* Bytes of other programs' files: printable ASCII, or \xHH. */
static void
print_text(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c <= 0x7e)
			fputc(c, to);
		else
			fprintf(to, "\\x%02x", c);
	}
}

static void
print_json(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c >= 0x20 && c <= 0x7e)
			putchar(c);
		else
			printf("\\\\x%02x", c);
	}
	putchar('"');
}

void
check_json_line(const char *name, const char *value)
{
	printf("{\"%s\":", name);
	print_json(value);
	puts("}");
}

static void
finding_json(const struct smx_finding *f)
{
	const char *const names[] = { "severity", "name", "where", "setting",
		"value", "why" };
	const char *const values[] = { smx_severity_name(f->severity), f->name,
		f->where, f->setting, f->value, f->why };
	size_t told[2] = { 0, 0 };

	for (size_t i = 0; i < 6; i++) {
		printf("%s\"%s\":", i == 0 ? "{" : ",", names[i]);
		print_json(values[i]);
	}
	for (int conf = 0; conf < 2; conf++) {
		printf(",\"%s\":[", conf ? "add" : "run");
		for (size_t i = 0; i < f->fix_count; i++) {
			if ((f->fixes[i].kind == SMX_FIX_CONF) != conf)
				continue;
			fputs(told[conf]++ != 0 ? "," : "", stdout);
			print_json(f->fixes[i].text);
		}
		putchar(']');
	}
	puts("}");
}

static void
print_fixes(const struct smx_finding *f, enum smx_fix_kind kind,
    const char *head)
{
	int first = 1;

	for (size_t i = 0; i < f->fix_count; i++) {
		if (f->fixes[i].kind != kind)
			continue;
		if (first)
			printf("  %s\n", head);
		first = 0;
		fputs("    ", stdout);
		print_text(stdout, f->fixes[i].text);
		putchar('\n');
	}
}

static void
finding_text(const struct smx_finding *f)
{
	printf("%s: %s: ", smx_severity_name(f->severity), f->name);
	print_text(stdout, f->where);
	if (f->where[0] != '\0')
		fputs(": ", stdout);
	if (f->setting[0] != '\0') {
		print_text(stdout, f->setting);
		fputs(" = ", stdout);
		print_text(stdout, f->value);
		fputs(": ", stdout);
	}
	print_text(stdout, f->why);
	putchar('\n');
	print_fixes(f, SMX_FIX_RUN, "run as root:");
	print_fixes(f, SMX_FIX_CONF,
	    "put into shadowmx.conf, or a file of conf.d:");
}

static void
take_finding(void *ctx, const struct smx_finding *f)
{
	struct check_report *report = ctx;

	if (f->severity > report->worst)
		report->worst = f->severity;
	report->counts[f->severity]++;
	if (report->json)
		finding_json(f);
	else
		finding_text(f);
}

static void
print_sum(const char *file, const struct check_report *report)
{
	if (report->json || report->worst == 0)
		return;
	printf("%s: errors: %u, warnings: %u, notes: %u; after changes to "
	       "Postfix: postfix reload\n",
	    file, report->counts[SMX_ERROR], report->counts[SMX_WARNING],
	    report->counts[SMX_NOTE]);
}

int
check_all(const char *file, const char *const *names, size_t count,
    struct check_report *report)
{
	struct smx_config *config = NULL;
	int status = check_config(file, &config), rc = SMX_OK;

	if (status == EX_OK)
		rc = smx_check_mta(config, take_finding, report);
	if (status == EX_OK && rc == SMX_OK && count > 0)
		rc = smx_check_accepts(config, names, count, take_finding,
		    report);
	smx_config_release(&config);
	if (status != EX_OK)
		return status;
	report->counts[SMX_WARNING] += check_warned();
	if (check_warned() != 0 && report->worst < SMX_WARNING)
		report->worst = SMX_WARNING;
	print_sum(file, report);
	if (rc != SMX_OK)
		return EX_OSERR;
	switch (report->worst) {
	case SMX_ERROR:
		return CHECK_ERRORS;
	case SMX_WARNING:
		return CHECK_WARNINGS;
	case SMX_NOTE:
		break;
	}
	return EX_OK;
}
