/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

static int
is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e;
}

char *
text_show(char *out, size_t size, const char *utf8)
{
	const unsigned char *p = (const unsigned char *)utf8;
	size_t used = 0;

	while (*p != '\0' && used + 5 <= size) {
		if (is_plain(*p)) {
			out[used++] = (char)*p++;
			continue;
		}
		if ((*p == 0xc2 || *p == 0xc3) && (p[1] & 0xc0) == 0x80) {
			used += (size_t)snprintf(out + used, size - used,
			    "\\x%02x", (*p & 3u) << 6 | (p[1] & 0x3fu));
			p += 2;
			continue;
		}
		used +=
		    (size_t)snprintf(out + used, size - used, "\\x%02x", *p++);
	}
	out[used] = '\0';
	return out;
}

char *
text_escape(const char *bytes)
{
	const unsigned char *p = (const unsigned char *)bytes;
	char *out = malloc(strlen(bytes) * 4 + 1);
	size_t used = 0;

	if (out == NULL)
		return NULL;
	for (; *p != '\0'; p++)
		if (is_plain(*p))
			out[used++] = (char)*p;
		else
			used += (size_t)snprintf(out + used, 5, "\\x%02x", *p);
	out[used] = '\0';
	return out;
}

void
text_release(char **text)
{
	free(*text);
	*text = NULL;
}

char *
text_age(char out[TEXT_SPAN], long long ms)
{
	long long s = ms / 1000;

	if (ms < 0)
		snprintf(out, TEXT_SPAN, "-");
	else if (ms < 1000)
		snprintf(out, TEXT_SPAN, "%lldms", ms);
	else if (s < 60)
		snprintf(out, TEXT_SPAN, "%llds", s);
	else if (s < 3600)
		snprintf(out, TEXT_SPAN, "%lldm %llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_SPAN, "%lldh %lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_SPAN, "%lldd %lldh", s / 86400,
		    s / 3600 % 24);
	return out;
}

long long
text_span(const char *text)
{
	static const struct {
		char letter;
		long long ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 },
		{ 'd', 86400000 } };
	const long long most = 30ll * 86400000;
	long long n = 0;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		n = n * 10 + (*text - '0');
		if (n > most)
			return -1;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (text[0] == units[i].letter && text[1] == '\0')
			return n <= most / units[i].ms ? n * units[i].ms : -1;
	return -1;
}

char *
text_size(char out[TEXT_SPAN], long long bytes)
{
	static const char units[] = "KMGTP";
	double n = (double)bytes;
	int unit = -1;

	if (bytes < 0) {
		snprintf(out, TEXT_SPAN, "-");
		return out;
	}
	while (n >= 1024 && unit < 4) {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(out, TEXT_SPAN, "%lld", bytes);
	else
		snprintf(out, TEXT_SPAN, n < 10 ? "%.1f%c" : "%.0f%c", n,
		    units[unit]);
	return out;
}

long long
text_moment(const char *text)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%dT%H:%M", "%Y-%m-%d" };
	long long span = text_span(text);

	if (span >= 0)
		return (long long)time(NULL) * 1000 - span;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		time_t t;

		if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
			continue;
		t = *end == 'Z' ? timegm(&tm) : mktime(&tm);
		return t < 0 ? -1 : (long long)t * 1000;
	}
	return -1;
}

int
text_moment_wrong(const char *option)
{
	fprintf(stderr,
	    "shadowmxctl: --%s: not a time; accepted: how long ago, as "
	    "\"2h\", or \"2026-11-22T12:30\", with a \"Z\" for UTC\n",
	    option);
	return EX_USAGE;
}

char *
text_moment_show(char out[TEXT_MOMENT], long long ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (ms < 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(out, TEXT_MOMENT, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		snprintf(out, TEXT_MOMENT, "-");
	return out;
}
