/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfroute_reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/key.h"
#include "core/addr.h"
#include "core/mtaconf.h"
#include "core/nexthop.h"

static_assert(SMX_QUEUE_HOPS_MAX == NEXTHOPS_MAX &&
		  SMX_QUEUE_HOP_TEXT == NEXTHOP_TEXT,
    "a policy and the MTA name as many");

/* Of the answer's flags those that matter. */
#define FLAG_ROUTED 0x02u /* the recipient names a further way */
#define FLAG_ERROR  0x04u /* it is no address */
#define FLAG_FAIL   0x08u /* a table could not be asked */

/* ---- the question ---- */

/* Without brackets, quotes and source route, as Postfix has it inside. */
static int
internal_form(const char *text, char out[PFROUTE_ADDRESS])
{
	struct addr a;
	size_t len;

	if (addr_read(&a, text) != SMX_OK)
		return SMX_ELIMIT;
	/* The domain alone is folded: local parts are the MTA's affair. */
	len = a.local_len + 1 + a.domain_len;
	if (len >= PFROUTE_ADDRESS)
		return SMX_ELIMIT;
	memcpy(out, a.local, a.local_len);
	out[a.local_len] = '\0';
	if (a.domain_len != 0) {
		out[a.local_len] = '@';
		memcpy(out + a.local_len + 1, a.domain, a.domain_len + 1);
	}
	return SMX_OK;
}

static void
put(char *out, size_t *len, const char *text)
{
	size_t n = strlen(text) + 1;

	memcpy(out + *len, text, n);
	*len += n;
}

int
pfroute_question(const char *sender, const char *recipient,
    char out[PFROUTE_QUESTION_MAX], size_t *len)
{
	char from[PFROUTE_ADDRESS], to[PFROUTE_ADDRESS];

	if (internal_form(sender, from) != SMX_OK ||
	    internal_form(recipient, to) != SMX_OK)
		return SMX_ELIMIT;
	*len = 0;
	put(out, len, "request");
	put(out, len, "resolve");
	put(out, len, "sender");
	put(out, len, from);
	put(out, len, "address");
	put(out, len, to);
	put(out, len, "");
	return SMX_OK;
}

/* ---- the answer ---- */

struct cursor {
	const char *at;
	const char *end;
};

/* The next text, or NULL when its end has not come. */
static const char *
take(struct cursor *c)
{
	const char *text = c->at;
	const char *nul = memchr(text, '\0', (size_t)(c->end - text));

	if (nul == NULL)
		return NULL;
	c->at = nul + 1;
	return text;
}

static int
take_value(struct cursor *c, const char *name, const char **value)
{
	const char *is = take(c);

	if (is == NULL)
		return SMX_ETEMP;
	if (strcmp(is, name) != 0)
		return SMX_EPROTO;
	*value = take(c);
	return *value == NULL ? SMX_ETEMP : SMX_OK;
}

static int
take_end(struct cursor *c)
{
	const char *end = take(c);

	if (end == NULL)
		return SMX_ETEMP;
	return end[0] == '\0' ? SMX_OK : SMX_EPROTO;
}

/* What a newer server says before it is asked. */
static int
take_greeting(struct cursor *c)
{
	struct cursor ahead = *c;
	const char *name = take(&ahead), *value;
	int rc;

	if (name == NULL)
		return SMX_ETEMP;
	if (strcmp(name, "protocol") != 0)
		return SMX_OK;
	rc = take_value(c, "protocol", &value);
	if (rc == SMX_OK && strcmp(value, "trivial_rewrite_protocol") != 0)
		return SMX_EPROTO;
	return rc == SMX_OK ? take_end(c) : rc;
}

static int
copy(char *out, size_t size, const char *text)
{
	return text_copy(out, size, text) ? SMX_EPROTO : SMX_OK;
}

int
pfroute_reply_parse(struct pfroute_reply *out, const char *data, size_t len)
{
	static const char *const names[] = { "flags", "transport", "nexthop",
		"recipient", "flags" };
	const char *value[5] = { NULL };
	struct cursor c = { data, data + len };
	uint64_t flags;
	int rc = take_greeting(&c);

	for (size_t i = 0; rc == SMX_OK && i < 5; i++)
		rc = take_value(&c, names[i], &value[i]);
	if (rc == SMX_OK)
		rc = take_end(&c);
	if (rc != SMX_OK)
		return rc == SMX_ETEMP && len >= PFROUTE_REPLY_MAX ? SMX_EPROTO
								   : rc;
	if (c.at != c.end || number_parse(value[4], strlen(value[4]),
				 UINT32_MAX, &flags) != SMX_OK)
		return SMX_EPROTO;
	out->flags = (unsigned)flags;
	rc = copy(out->transport, sizeof(out->transport), value[1]);
	if (rc == SMX_OK)
		rc = copy(out->nexthop, sizeof(out->nexthop), value[2]);
	if (rc == SMX_OK)
		rc = copy(out->recipient, sizeof(out->recipient), value[3]);
	return rc;
}

/* ---- in our words ---- */

static const struct {
	const char *name;
	unsigned port;
} services[] = { { "smtp", 25 }, { "submission", 587 }, { "lmtp", 24 } };

/* "host:smtp" with the number; a port that cannot be known makes a text that is
 * no next hop. */
static void
put_inet(char *out, size_t size, const struct pftransport *t, const char *word)
{
	const char *bracket = strrchr(word, ']');
	const char *colon = strchr(bracket != NULL ? bracket : word, ':');
	const char *protocol = t->lmtp ? "lmtp" : "smtp";
	int host = colon != NULL ? (int)(colon - word) : (int)strlen(word);

	if (colon == NULL) {
		snprintf(out, size, "%s:%s:%u", protocol, word,
		    (unsigned)t->port);
		return;
	}
	for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
		if (strcmp(colon + 1, services[i].name) == 0) {
			snprintf(out, size, "%s:%.*s:%u", protocol, host, word,
			    services[i].port);
			return;
		}
	snprintf(out, size, "%s:%s", protocol, word);
}

/* In a chroot, and when it is relative, the path begins at the queue. */
static void
put_unix(char *out, size_t size, const struct pftransport *t, const char *path,
    const char *queue)
{
	if (path[0] == '/' && !t->chroot)
		snprintf(out, size, "lmtp:unix:%s", path);
	else
		snprintf(out, size, "lmtp:unix:%s%s%s", queue,
		    path[0] == '/' ? "" : "/", path);
}

static int
add_hop(struct smx_queue_route *out, const struct pftransport *t,
    const char *word, const char *queue)
{
	char text[1024];
	struct nexthop hop;

	if (t->lmtp && strncmp(word, "unix:", 5) == 0)
		put_unix(text, sizeof(text), t, word + 5, queue);
	else
		put_inet(text, sizeof(text), t,
		    t->lmtp && strncmp(word, "inet:", 5) == 0 ? word + 5
							      : word);
	if (nexthop_parse(&hop, text) != SMX_OK)
		return 0;
	nexthop_format(&hop, out->hop[out->count++]);
	return 1;
}

/* With another recipient than ours it would be another delivery. */
static int
is_same_recipient(const struct pfroute_reply *reply, const char *recipient)
{
	char ours[PFROUTE_ADDRESS], theirs[PFROUTE_ADDRESS];

	if (internal_form(recipient, ours) != SMX_OK)
		return 0;
	text_copy(theirs, sizeof(theirs), reply->recipient);
	addr_fold(ours, strlen(ours));
	addr_fold(theirs, strlen(theirs));
	return strcmp(ours, theirs) == 0;
}

int
pfroute_hops(struct smx_queue_route *out, const struct pfroute_reply *reply,
    const struct pftransport *transport, const char *recipient,
    const char *queue_directory)
{
	const char *list = reply->nexthop, *word;
	size_t len;

	out->count = 0;
	if ((reply->flags & FLAG_FAIL) != 0)
		return SMX_EIO;
	if ((reply->flags & (FLAG_ERROR | FLAG_ROUTED)) != 0 ||
	    transport == NULL || !is_same_recipient(reply, recipient))
		return SMX_ENOTFOUND;
	while (out->count < SMX_QUEUE_HOPS_MAX &&
	       mta_word_next(&list, &word, &len)) {
		char one[sizeof(reply->nexthop)];

		memcpy(one, word, len);
		one[len] = '\0';
		/* What comes after one that we cannot use is not tried: the
		 * MTA would have tried that one before. */
		if (!add_hop(out, transport, one, queue_directory))
			break;
	}
	return out->count != 0 ? SMX_OK : SMX_ENOTFOUND;
}
