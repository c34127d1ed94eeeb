/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/amend.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/addr.h"
#include "core/envelope.h"
#include "core/xtext.h"

/* One line of an envelope's text: what stands before its first space, the
 * address, and the rest up to its CRLF. */
struct line {
	const char *start;
	const char *address;
	const char *rest;
	const char *end; /* of the rest, where CRLF begins */
	size_t verb_len;
	size_t address_len;
};

static int
line_cut(const char **at, const char *end, struct line *line)
{
	const char *p = *at;
	const char *lf = p == end ? NULL : memchr(p, '\n', (size_t)(end - p));
	const char *space;

	if (lf == NULL || lf == p || lf[-1] != '\r')
		return SMX_EINVAL;
	line->start = p;
	line->end = lf - 1;
	space = memchr(p, ' ', (size_t)(line->end - p));
	line->verb_len = (size_t)((space != NULL ? space : line->end) - p);
	line->address = space != NULL ? space + 1 : line->end;
	line->rest =
	    memchr(line->address, ' ', (size_t)(line->end - line->address));
	if (line->rest == NULL)
		line->rest = line->end;
	line->address_len = (size_t)(line->rest - line->address);
	*at = lf + 1;
	return SMX_OK;
}

static int
is_verb(const struct line *line, const char *verb)
{
	return line->verb_len == strlen(verb) &&
	       memcmp(line->start, verb, line->verb_len) == 0;
}

/* ---- the sum ---- */

uint64_t
amend_hash(uint64_t h, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

uint64_t
amend_address(const char *address)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct addr a;

	if (addr_read(&a, address) != SMX_OK)
		return amend_hash(h, address, strlen(address));
	return amend_hash(amend_hash(h, a.local, a.local_len), a.domain,
	    a.domain_len);
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* MTAs keep a recipient once, however often it was given. */
static uint64_t
sum_of(uint64_t sender, uint64_t *rcpts, size_t count)
{
	uint64_t sum = amend_hash(sender, "MAIL", 4);

	qsort(rcpts, count, sizeof(*rcpts), by_size);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || rcpts[i] != rcpts[i - 1])
			sum = amend_hash(sum, (const char *)&rcpts[i],
			    sizeof(rcpts[i]));
	return sum == 0 ? 1 : sum;
}

/* Of an address in xtext; room has ADDRESS_MAX + 1 bytes. */
static int
line_hash(const struct line *line, char room[ENVELOPE_LINE_MAX + 1],
    uint64_t *out)
{
	long n;

	if (line->address_len == 0 || line->address_len > ENVELOPE_LINE_MAX)
		return SMX_EINVAL;
	n = xtext_decode(line->address, line->address_len, room);
	if (n < 0)
		return SMX_EINVAL;
	room[n] = '\0';
	*out = amend_address(room);
	return SMX_OK;
}

static size_t
count_lines(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static int
read_lines(const char *text, size_t len, uint64_t *sender, uint64_t *rcpts,
    size_t *count)
{
	const char *at = text, *end = text + len;
	char room[ENVELOPE_LINE_MAX + 1];
	struct line line;
	int r = line_cut(&at, end, &line);

	if (r == SMX_OK && is_verb(&line, "CLIENT"))
		r = line_cut(&at, end, &line);
	if (r != SMX_OK || !is_verb(&line, "MAIL"))
		return SMX_EINVAL;
	*count = 0;
	r = line_hash(&line, room, sender);
	while (r == SMX_OK && at != end) {
		r = line_cut(&at, end, &line);
		if (r == SMX_OK && !is_verb(&line, "RCPT"))
			r = SMX_EINVAL;
		if (r == SMX_OK)
			r = line_hash(&line, room, &rcpts[(*count)++]);
	}
	return r;
}

uint64_t
amend_sum(const char *text, size_t len)
{
	uint64_t *rcpts;
	uint64_t sender, sum = 0;
	size_t count;

	rcpts = malloc((count_lines(text, len) + 1) * sizeof(*rcpts));
	if (rcpts == NULL)
		return 0;
	if (read_lines(text, len, &sender, rcpts, &count) == SMX_OK)
		sum = sum_of(sender, rcpts, count);
	free(rcpts);
	return sum;
}

uint64_t *
amend_addresses(const char *text, size_t len, size_t *count)
{
	uint64_t sender;
	uint64_t *rcpts = malloc((count_lines(text, len) + 1) * sizeof(*rcpts));

	if (rcpts != NULL &&
	    read_lines(text, len, &sender, rcpts, count) != SMX_OK) {
		free(rcpts);
		rcpts = NULL;
	}
	return rcpts;
}

uint64_t
amend_sum_envelope(const struct smx_envelope *envelope)
{
	const char *sender = smx_envelope_sender(envelope);
	size_t count = smx_envelope_recipients(envelope);
	uint64_t *rcpts;
	uint64_t sum;

	rcpts = sender == NULL ? NULL : malloc((count + 1) * sizeof(*rcpts));
	if (rcpts == NULL)
		return 0;
	for (size_t i = 0; i < count; i++)
		rcpts[i] = amend_address(smx_envelope_recipient(envelope, i));
	sum = sum_of(amend_address(sender), rcpts, count);
	free(rcpts);
	return sum;
}

/* ---- merging ---- */

#define MARK        "HOLD="
#define MARK_DIGITS 15

/* A word of a line that begins with the mark; NULL: there is none. */
static const char *
mark_in(const char *rest, const char *end, size_t *len)
{
	while (rest < end) {
		const char *word = rest + 1; /* behind the space */
		const char *stop =
		    word < end ? memchr(word, ' ', (size_t)(end - word)) : NULL;

		rest = stop != NULL ? stop : end;
		*len = word < rest ? (size_t)(rest - word) : 0;
		if (*len >= strlen(MARK) &&
		    memcmp(word, MARK, strlen(MARK)) == 0)
			return word;
	}
	return NULL;
}

static int64_t
mark_of(const struct line *mail)
{
	size_t len;
	const char *word = mark_in(mail->rest, mail->end, &len);
	int64_t mark = 0;

	if (word == NULL || len == strlen(MARK) ||
	    len > strlen(MARK) + MARK_DIGITS)
		return -1;
	for (size_t i = strlen(MARK); i < len; i++) {
		if (word[i] < '0' || word[i] > '9')
			return -1;
		mark = mark * 10 + (word[i] - '0');
	}
	return mark;
}

int64_t
amend_mark(const char *text, size_t len)
{
	const char *at = text;
	struct line line;
	int r = line_cut(&at, text + len, &line);

	if (r == SMX_OK && is_verb(&line, "CLIENT"))
		r = line_cut(&at, text + len, &line);
	return r == SMX_OK && is_verb(&line, "MAIL") ? mark_of(&line) : -1;
}

/* It stands last, where smx_envelope_encode() puts it. */
static void
add_client(struct buf *b, const struct line *client, int64_t mark)
{
	size_t len;
	const char *space =
	    memchr(client->start, ' ', (size_t)(client->end - client->start));
	const char *word = space == NULL || mark < 0
			       ? NULL
			       : mark_in(space, client->end, &len);

	if (word == NULL) {
		buf_add(b, client->start,
		    (size_t)(client->end - client->start));
	} else {
		buf_add(b, client->start, (size_t)(word - client->start) - 1);
		buf_add(b, word + len, (size_t)(client->end - word) - len);
	}
	if (mark > 0)
		buf_fmt(b, " " MARK "%lld", (long long)mark);
}

/* CLIENT and MAIL of old, as far as they are kept. */
static int
old_cut(const char *old, size_t len, struct line *client, struct line *mail)
{
	const char *at = old;

	if (line_cut(&at, old + len, client) != SMX_OK ||
	    !is_verb(client, "CLIENT") ||
	    line_cut(&at, old + len, mail) != SMX_OK || !is_verb(mail, "MAIL"))
		return SMX_ECORRUPT;
	return SMX_OK;
}

static int
merged_check(const struct buf *b, size_t *recipients)
{
	int r = buf_error(b);

	if (r == SMX_OK)
		r = envelope_check(b->data, b->len, b->len, recipients);
	if (r == SMX_EPROTO || (r == SMX_OK && *recipients == 0))
		r = SMX_EINVAL;
	return r;
}

int
amend_merge(const char *old, size_t old_len, const char *now, size_t now_len,
    char **out, size_t *out_len, size_t *recipients)
{
	const char *at = now;
	struct line client, mail, sender;
	struct buf b;
	size_t count = 0;
	int r = old_cut(old, old_len, &client, &mail);

	if (r != SMX_OK)
		return r;
	if (line_cut(&at, now + now_len, &sender) != SMX_OK ||
	    !is_verb(&sender, "MAIL"))
		return SMX_EINVAL;
	buf_init(&b, 0);
	add_client(&b, &client, mark_of(&sender));
	buf_str(&b, "\r\nMAIL ");
	buf_add(&b, sender.address, sender.address_len);
	buf_add(&b, mail.rest, (size_t)(mail.end - mail.rest));
	buf_str(&b, "\r\n");
	buf_add(&b, at, (size_t)(now + now_len - at));
	r = merged_check(&b, &count);
	if (r != SMX_OK) {
		buf_free(&b);
		return r;
	}
	*out = buf_take(&b, out_len);
	*recipients = count;
	return SMX_OK;
}
