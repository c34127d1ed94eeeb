/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pflog.h"

#include <string.h>

#include "core/ip.h"

/*
 * Loggers cut long lines, some at 1024 bytes.  A sender address of the right
 * length could make the cut fall so that the rest looks like a requeue, hence
 * nothing is read from a line that could have been cut.
 */
#define LINE_MAX_BYTES 1000

struct text {
	const char *at;
	size_t len;
};

static int
skip(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if (t->len < n || memcmp(t->at, word, n) != 0)
		return 0;
	t->at += n;
	t->len -= n;
	return 1;
}

/* The bytes up to stop; stop itself is skipped. */
static int
take(struct text *t, char stop, struct text *out)
{
	const char *end = t->len == 0 ? NULL : memchr(t->at, stop, t->len);

	if (end == NULL)
		return 0;
	out->at = t->at;
	out->len = (size_t)(end - t->at);
	t->len -= out->len + 1;
	t->at = end + 1;
	return 1;
}

static int
digits(const struct text *t)
{
	for (size_t i = 0; i < t->len; i++)
		if (t->at[i] < '0' || t->at[i] > '9')
			return 0;
	return t->len != 0;
}

/* "Nov 22 08:47:52 " or "2026-11-22T08:47:52.123456+00:00 " */
static int
skip_date(struct text *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct text iso;

	for (size_t m = 0; m < 36 && t->len >= 16; m += 3)
		if (memcmp(t->at, months + m, 3) == 0 && t->at[3] == ' ' &&
		    t->at[6] == ' ' && t->at[9] == ':' && t->at[12] == ':' &&
		    t->at[15] == ' ') {
			t->at += 16;
			t->len -= 16;
			return 1;
		}
	return take(t, ' ', &iso) && iso.len >= 19 && iso.at[4] == '-' &&
	       iso.at[7] == '-' && iso.at[10] == 'T' && iso.at[13] == ':';
}

/* "syslog_name/process[pid]: " */
static int
skip_tag(struct text *t, struct text *process)
{
	struct text tag, pid;
	const char *slash;

	if (!take(t, '[', &tag) || !take(t, ']', &pid) || !skip(t, ": ") ||
	    !digits(&pid) || memchr(tag.at, ' ', tag.len) != NULL)
		return 0;
	slash = memrchr(tag.at, '/', tag.len);
	if (slash == NULL || slash == tag.at)
		return 0;
	process->at = slash + 1;
	process->len = tag.len - (size_t)(process->at - tag.at);
	return 1;
}

static int
is(const struct text *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->at, word, t->len) == 0;
}

static int
take_id(const struct text *t, char out[PFID_TEXT])
{
	if (!pfid_valid(t->at, t->len))
		return 0;
	memcpy(out, t->at, t->len);
	out[t->len] = '\0';
	return 1;
}

/* "uid=102 from=<a@b> orig_id=OLD": the sender may hold anything, the old id is
 * what stands last. */
static int
read_pickup(struct text *t, char old[PFID_TEXT])
{
	static const char mark[] = "> orig_id=";
	struct text uid, id;
	const char *equals;

	if (!skip(t, "uid=") || !take(t, ' ', &uid) || !digits(&uid) ||
	    !skip(t, "from=<"))
		return 0;
	equals = t->len == 0 ? NULL : memrchr(t->at, '=', t->len);
	if (equals == NULL || (size_t)(equals + 1 - t->at) < sizeof(mark) - 1 ||
	    memcmp(equals + 2 - sizeof(mark), mark, sizeof(mark) - 1) != 0)
		return 0;
	id.at = equals + 1;
	id.len = t->len - (size_t)(id.at - t->at);
	return take_id(&id, old);
}

/* "name=value, " */
static int
take_item(struct text *t, const char *name, struct text *value)
{
	return skip(t, name) && take(t, ',', value) && value->len != 0 &&
	       memchr(value->at, ' ', value->len) == NULL && skip(t, " ");
}

static int
skip_item(struct text *t, const char *name)
{
	struct text value;

	return take_item(t, name, &value);
}

/* "HOST[ADDRESS]:PORT", all of it: the part from the bracket on.  A socket's
 * path is no address. */
static int
read_peer(const struct text *peer, struct text *out)
{
	struct text t = *peer, host, address;
	struct ip ip;

	if (!take(&t, '[', &host) || host.len == 0)
		return 0;
	out->at = t.at - 1;
	out->len = t.len + 1;
	return take(&t, ']', &address) &&
	       ip_parse(address.at, address.len, &ip) == SMX_OK &&
	       skip(&t, ":") && t.len <= 5 && digits(&t);
}

/*
 * Why it was deferred, in the words of the SMTP client itself; what a next hop
 * has said stands behind "host HOST[ADDRESS] said: ".  A connection that was
 * never made has no relay.
 */
static int
is_out_of_reach(const struct text *reason, const struct text *relay,
    struct text *peer)
{
	static const char *const ends[] = { "Connection refused)",
		"Connection timed out)", "Operation timed out)",
		"No route to host)" };
	struct text t = *reason, host;

	if (is(relay, "none")) {
		if (!skip(&t, "connect to ") || !take(&t, ' ', &host) ||
		    host.len < 2 || host.at[host.len - 1] != ':')
			return 0;
		host.len--;
		for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
			if (is(&t, ends[i]))
				return read_peer(&host, peer);
		return 0;
	}
	if (skip(&t, "lost connection with "))
		return take(&t, ' ', &host) && skip(&t, "while ") &&
		       read_peer(relay, peer);
	if (skip(&t, "conversation with "))
		return take(&t, ' ', &host) && skip(&t, "timed out while ") &&
		       read_peer(relay, peer);
	return skip(&t, "host ") && take(&t, ' ', &host) &&
	       skip(&t, "refused to talk to me: ") && read_peer(relay, peer);
}

/* "550 5.1.1 ...": the enhanced code may be missing. */
static int
read_code(struct text *t, struct pflog_line *out)
{
	struct text enhanced;
	const char *at = t->at;

	if (t->len < 4 || at[0] != '5' || at[1] < '0' || at[1] > '5' ||
	    at[2] < '0' || at[2] > '9' || at[3] != ' ')
		return 0;
	out->code = 500 + (at[1] - '0') * 10 + at[2] - '0';
	t->at += 4;
	t->len -= 4;
	if (t->len > 2 && t->at[0] == '5' && t->at[1] == '.' &&
	    take(t, ' ', &enhanced) && enhanced.len < sizeof(out->enhanced))
		memcpy(out->enhanced, enhanced.at, enhanced.len);
	return 1;
}

/*
 * "host HOST[ADDRESS] said: 550 5.1.1 ... (in reply to RCPT TO command))": in
 * the words of the next hop, and what stands last in those of the SMTP client.
 * What is refused at MAIL or after DATA is not the recipient.
 */
static void
read_refusal(struct text *t, const struct text *relay, struct text *peer,
    struct pflog_line *out)
{
	static const char end[] = " (in reply to RCPT TO command))";
	struct text host;
	size_t n = sizeof(end) - 1;

	if (!skip(t, "host ") || !take(t, ' ', &host) || !skip(t, "said: ") ||
	    t->len < n || memcmp(t->at + t->len - n, end, n) != 0 ||
	    !read_code(t, out) || !read_peer(relay, peer))
		peer->len = 0;
}

/* "<a@b>, ", which may hold anything but what stands behind it. */
static int
take_address(struct text *t, struct text *address)
{
	static const char end[] = ">, ";
	const char *stop;

	if (t->len == 0)
		return 0;
	stop = memmem(t->at, t->len, end, sizeof(end) - 1);
	if (stop == NULL || stop == t->at)
		return 0;
	address->at = t->at;
	address->len = (size_t)(stop - t->at);
	t->len -= address->len + sizeof(end) - 1;
	t->at = stop + sizeof(end) - 1;
	return 1;
}

/* "delay=D, delays=A/B/C/D, dsn=X.Y.Z, "; 0: it is not that. */
static char
take_class(struct text *t)
{
	char class;

	(void)skip_item(t, "conn_use=");
	if (!skip_item(t, "delay=") || !skip_item(t, "delays=") ||
	    t->len <= 5 || memcmp(t->at, "dsn=", 4) != 0)
		return '\0';
	class = t->at[4];
	return skip_item(t, "dsn=") ? class : '\0';
}

/*
 * "to=<a@b>, relay=H[A]:P, delay=D, delays=A/B/C/D, dsn=2.X.Y, status=sent (".
 * Of a recipient that was rewritten one line tells a part: "to=<c@d>,
 * orig_to=<a@b>, ...".
 */
static enum pflog_kind
read_delivery(struct text *t, struct text *rcpt, struct text *peer,
    struct pflog_line *out)
{
	struct text relay;
	char class;

	if (!skip(t, "to=<") || !take_address(t, rcpt))
		return PFLOG_NOTHING;
	out->rewritten = skip(t, "orig_to=<");
	if ((out->rewritten && !take_address(t, rcpt)) ||
	    !take_item(t, "relay=", &relay))
		return PFLOG_NOTHING;
	class = take_class(t);
	if (class == '2' && skip(t, "status=sent (")) {
		if (!read_peer(&relay, peer))
			peer->len = 0;
		return PFLOG_SENT;
	}
	if (class == '4' && skip(t, "status=deferred ("))
		return is_out_of_reach(t, &relay, peer) ? PFLOG_DEFERRED
							: PFLOG_NOTHING;
	if (class != '5' || !skip(t, "status=bounced ("))
		return PFLOG_NOTHING;
	read_refusal(t, &relay, peer, out);
	return PFLOG_BOUNCED;
}

/* "from=<a@b>, status=expired, returned to sender": the sender may hold
 * anything, what counts stands last. */
static int
is_expired(const struct text *t)
{
	static const char *const ends[] = {
		">, status=expired, returned to sender",
		">, status=force-expired, returned to sender"
	};
	static const char from[] = "from=<";

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(ends[i]);

		if (t->len >= n + sizeof(from) - 1 &&
		    memcmp(t->at, from, sizeof(from) - 1) == 0 &&
		    memcmp(t->at + t->len - n, ends[i], n) == 0)
			return 1;
	}
	return 0;
}

static int
is_agent(const struct text *process)
{
	static const char *const agents[] = { "smtp", "lmtp", "local",
		"virtual", "pipe", "discard", "error" };

	for (size_t i = 0; i < sizeof(agents) / sizeof(*agents); i++)
		if (is(process, agents[i]))
			return 1;
	return 0;
}

static int
printable(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return 0;
	return 1;
}

enum pflog_kind
pflog_read(const char *line, size_t len, struct pflog_line *out)
{
	struct text t = { line, len };
	struct text host, process, id, rcpt, peer = { NULL, 0 };
	enum pflog_kind kind;
	char first[PFID_TEXT];

	memset(out, 0, sizeof(*out));
	if (len >= LINE_MAX_BYTES || !printable(line, len) || !skip_date(&t) ||
	    !take(&t, ' ', &host) || host.len == 0 || !skip_tag(&t, &process) ||
	    !take(&t, ':', &id) || !take_id(&id, first) || !skip(&t, " "))
		return PFLOG_NOTHING;
	if (is(&process, "postsuper") && is(&t, "requeued")) {
		memcpy(out->id, first, sizeof(first));
		out->kind = PFLOG_REQUEUED;
	} else if (is(&process, "postsuper") && is(&t, "removed")) {
		memcpy(out->id, first, sizeof(first));
		out->kind = PFLOG_DELETED;
	} else if (is(&process, "qmgr") && is_expired(&t)) {
		memcpy(out->id, first, sizeof(first));
		out->kind = PFLOG_EXPIRED;
	} else if (is(&process, "pickup") && read_pickup(&t, out->id) &&
		   strcmp(out->id, first) != 0) {
		memcpy(out->other, first, sizeof(first));
		out->kind = PFLOG_LINKED;
	} else if (is(&process, "bounce") &&
		   (skip(&t, "sender non-delivery notification: ") ||
		       skip(&t, "postmaster non-delivery notification: ")) &&
		   take_id(&t, out->other) && strcmp(out->other, first) != 0) {
		memcpy(out->id, first, sizeof(first));
		out->kind = PFLOG_RETURNED;
	} else if (is_agent(&process) &&
		   (kind = read_delivery(&t, &rcpt, &peer, out)) !=
		       PFLOG_NOTHING &&
		   (kind == PFLOG_BOUNCED || !is(&process, "error")) &&
		   (kind != PFLOG_DEFERRED || is(&process, "smtp"))) {
		memcpy(out->id, first, sizeof(first));
		out->rcpt = rcpt.at;
		out->rcpt_len = rcpt.len;
		if (is(&process, "smtp")) {
			out->relay = peer.at;
			out->relay_len = peer.len;
		}
		out->kind = kind;
	} else {
		memset(out, 0, sizeof(*out));
	}
	return out->kind;
}
