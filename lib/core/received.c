/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/takeover.h"

/*
 * The trace line that the primary's MTA had put on top.  Its milter cannot see
 * that line, so it is written again from what the shadow knows.  Every value
 * came from a stranger: what does not belong into a Received field becomes '?'.
 */
#define PART_MAX 256

/* ---- values ---- */

static int
plain(unsigned char c, int utf8)
{
	if (c >= 0x80)
		return utf8;
	return c > 0x20 && c < 0x7f && strchr("()<>\\\",;", c) == NULL;
}

static const char *
clean(const char *text, int utf8, char *out, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++)
		out[n++] = plain((unsigned char)*text, utf8) ? *text : '?';
	out[n] = '\0';
	return out;
}

static int
is_plain(const char *text, size_t len, int utf8)
{
	for (size_t i = 0; i < len; i++)
		if (!plain((unsigned char)text[i], utf8))
			return 0;
	return 1;
}

static int
has_smtputf8(const struct smx_envelope *envelope)
{
	const char *const *params;
	size_t n = smx_envelope_mail_params(envelope, &params);

	for (size_t i = 0; i < n; i++) {
		const char *want = "SMTPUTF8";
		const char *p = params[i];

		while (*want != '\0' && (*p & ~0x20) == (*want & ~0x20))
			p++, want++;
		if (*want == '\0' && *p == '\0')
			return 1;
	}
	return 0;
}

/* ---- date ---- */

/* Days since 1970 to a date (proleptic Gregorian), counting years from March.
 */
static void
civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

static void
date(int64_t ms, char *out, size_t size)
{
	static const char wday[] = "SunMonTueWedThuFriSat";
	static const char mon[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t s, days, year;
	unsigned month, day;

	if (ms < 0)
		ms = 0;
	if (ms > INT64_C(253402300799000)) /* the year 9999 */
		ms = INT64_C(253402300799000);
	s = ms / 1000;
	days = s / 86400;
	s %= 86400;
	civil(days, &year, &month, &day);
	snprintf(out, size, "%.3s, %u %.3s %04d %02d:%02d:%02d +0000",
	    wday + (days + 4) % 7 * 3, day, mon + (month - 1) * 3, (int)year,
	    (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

/* ---- clauses ---- */

static void
from_clause(const struct smx_envelope *envelope, int utf8, char *out,
    size_t size)
{
	char helo[PART_MAX], name[PART_MAX], addr[PART_MAX];
	const char *ip = smx_envelope_get(envelope, SMX_FIELD_CLIENT_ADDR);

	out[0] = '\0';
	if (ip[0] == '\0')
		return; /* local mail came from no host */
	clean(smx_envelope_get(envelope, SMX_FIELD_HELO), utf8, helo,
	    sizeof(helo));
	clean(smx_envelope_get(envelope, SMX_FIELD_CLIENT_NAME), utf8, name,
	    sizeof(name));
	clean(ip, 0, addr, sizeof(addr));
	snprintf(out, size, "from %s (%s [%s%s])\r\n\t",
	    helo[0] == '\0' ? "unknown" : helo,
	    name[0] == '\0' ? "unknown" : name,
	    strchr(addr, ':') != NULL ? "IPv6:" : "", addr);
}

static const char *
protocol(const struct smx_envelope *envelope, int utf8)
{
	int auth = smx_envelope_get(envelope, SMX_FIELD_AUTH_TYPE)[0] != '\0';
	const char *p = smx_envelope_get(envelope, SMX_FIELD_PROTOCOL);

	if (utf8)
		return auth ? "UTF8SMTPA" : "UTF8SMTP";
	if (auth)
		return "ESMTPA";
	return strcmp(p, "SMTP") == 0 ? "SMTP" : "ESMTP";
}

/* With several recipients the clause would tell them of each other (RFC 5321
 * 7.2); an address that cannot stand there unchanged is left out. */
static void
for_clause(const struct smx_envelope *envelope, int utf8, char *out,
    size_t size)
{
	const char *rcpt;
	size_t len;

	out[0] = '\0';
	if (smx_envelope_recipients(envelope) != 1)
		return;
	rcpt = smx_envelope_recipient(envelope, 0);
	len = strlen(rcpt);
	if (len >= 2 && rcpt[0] == '<' && rcpt[len - 1] == '>') {
		rcpt++;
		len -= 2;
	}
	if (len == 0 || len > 512 || !is_plain(rcpt, len, utf8))
		return;
	snprintf(out, size, "\r\n\tfor <%.*s>", (int)len, rcpt);
}

int
takeover_received(const struct smx_row *row,
    const struct smx_envelope *envelope, const char *node, int64_t wall_ms,
    char *out, size_t size)
{
	char from[3 * PART_MAX + 32], by[PART_MAX], via[PART_MAX];
	char id[SMX_QUEUE_ID_MAX + 1], target[540], when[48];
	int utf8 = has_smtputf8(envelope);
	const char *ip = smx_envelope_get(envelope, SMX_FIELD_CLIENT_ADDR);
	int n;

	if (size < 2048)
		return SMX_EINVAL;
	from_clause(envelope, utf8, from, sizeof(from));
	for_clause(envelope, utf8, target, sizeof(target));
	date(row->stored_ms > 0 ? row->stored_ms : wall_ms, when, sizeof(when));
	clean(row->primary, 0, by, sizeof(by));
	clean(node, 0, via, sizeof(via));
	clean(row->queue_id, 0, id, sizeof(id));
	n = snprintf(out, size,
	    "Received: %sby %s (shadowmx/%s)%s%s%s%s%s; %s\r\n", from, by, via,
	    ip[0] == '\0' ? "" : " with ",
	    ip[0] == '\0' ? "" : protocol(envelope, utf8),
	    id[0] == '\0' ? "" : " id ", id, target, when);
	return n > 0 && (size_t)n < size ? SMX_OK : SMX_ELIMIT;
}
