/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire.h"

#include <inttypes.h>
#include <string.h>

#include "base/key.h"

/* One outcome, one code.  The first row of a result is what the server says,
 * the row of a code what the client makes of it when it answers a shadow or a
 * request. */
static const struct {
	int result;
	int code;
	int meaning;
	const char *text;
} codes[] = {
	{ SMX_OK, WIRE_DONE, SMX_OK, "stored" },
	{ SMX_EEXIST, WIRE_HELD, SMX_OK, "already held" },
	{ SMX_ECLOSED, WIRE_CLOSING, SMX_ETEMP, "closing" },
	{ SMX_ETEMP, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_ENOMEM, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_ETIMEOUT, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_EBUSY, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_ENOTFOUND, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_EUNREACHABLE, WIRE_LATER, SMX_ETEMP, "not now" },
	{ SMX_EIO, WIRE_IO, SMX_ETEMP, "not stored: input/output error" },
	{ SMX_EFULL, WIRE_FULL, SMX_ETEMP, "not stored: full" },
	{ SMX_EUNSURE, WIRE_UNSURE, SMX_EUNSURE, "unsure whether stored" },
	{ SMX_EREFUSED, WIRE_REFUSED, SMX_EREFUSED, "refused" },
	{ SMX_EPERM, WIRE_REFUSED, SMX_EREFUSED, "refused" },
	{ SMX_ESTATE, WIRE_REFUSED, SMX_EREFUSED, "refused" },
	{ SMX_ECONFIG, WIRE_REFUSED, SMX_EREFUSED, "refused" },
	{ SMX_EPROTO, WIRE_SYNTAX, SMX_EREFUSED, "syntax" },
	{ SMX_EINVAL, WIRE_SYNTAX, SMX_EREFUSED, "syntax" },
	{ SMX_ELIMIT, WIRE_LIMIT, SMX_EREFUSED, "over a limit" },
	{ SMX_EGONE, WIRE_GONE, SMX_EGONE, "discarded before" },
	{ SMX_ECONFLICT, WIRE_CONFLICT, SMX_EREFUSED,
	    "the key is held with other content" },
	{ SMX_ECORRUPT, WIRE_CORRUPT, SMX_EREFUSED,
	    "not stored: size or digest differ" },
	{ 1, WIRE_GREETING, SMX_EUNSURE, "shadowmx" },
	{ 1, WIRE_BYE, SMX_EUNSURE, "bye" },
	{ 1, WIRE_VERB, SMX_EREFUSED, "no such verb" },
	{ 1, WIRE_SEQUENCE, SMX_EREFUSED, "not in this order" },
	{ 1, WIRE_VERSION, SMX_EREFUSED, "this version is not spoken here" },
};

#define CODES (sizeof(codes) / sizeof(*codes))

int
wire_code(int result)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].result == result)
			return codes[i].code;
	/* An outcome without a code says nothing of the shadow. */
	return WIRE_UNSURE;
}

const char *
wire_code_text(int code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].code == code)
			return codes[i].text;
	return "";
}

int
wire_result(int code)
{
	for (size_t i = 0; i < CODES; i++)
		if (codes[i].code == code)
			return codes[i].meaning;
	return SMX_EUNSURE;
}

static int
param_take(const char *word, size_t len, struct wire_param *table, size_t count)
{
	const char *equals = memchr(word, '=', len);
	size_t name;

	if (equals == NULL)
		return SMX_OK;
	name = (size_t)(equals - word);
	for (size_t i = 0; i < count; i++) {
		if (strlen(table[i].name) != name ||
		    memcmp(table[i].name, word, name) != 0)
			continue;
		if (table[i].value != NULL)
			return SMX_EPROTO;
		table[i].value = equals + 1;
		table[i].len = len - name - 1;
	}
	return SMX_OK;
}

int
wire_params(const char *text, size_t len, struct wire_param *table,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		table[i].value = NULL;
	while (len != 0) {
		const char *word = text + 1;
		const char *space;
		size_t n;

		if (len < 2 || text[0] != ' ')
			return SMX_EPROTO;
		space = memchr(word, ' ', len - 1);
		n = space != NULL ? (size_t)(space - word) : len - 1;
		if (n == 0 || param_take(word, n, table, count) != SMX_OK)
			return SMX_EPROTO;
		text += n + 1;
		len -= n + 1;
	}
	return SMX_OK;
}

int
wire_param_number(const struct wire_param *param, uint64_t max, uint64_t *out)
{
	if (param->value == NULL)
		return SMX_EPROTO;
	return number_parse(param->value, param->len, max, out);
}

void
wire_put_hello_params(struct buf *b, const struct smx_hello *hello)
{
	char hex[33], epoch[SMX_EPOCH_TEXT];

	hex_format(hello->incarnation, 16, hex);
	smx_epoch_format(&hello->epoch, epoch);
	buf_fmt(b, " INCARNATION=%s EPOCH=%s SEQUENCE=%" PRIu64, hex, epoch,
	    hello->sequence);
}

int
wire_hello_params(const struct wire_param *incarnation,
    const struct wire_param *epoch, const struct wire_param *sequence,
    struct smx_hello *hello)
{
	if (incarnation->value == NULL || epoch->value == NULL ||
	    hex_parse(incarnation->value, incarnation->len, hello->incarnation,
		16) != SMX_OK ||
	    smx_epoch_parse(epoch->value, epoch->len, &hello->epoch) !=
		SMX_OK ||
	    wire_param_number(sequence, UINT64_MAX, &hello->sequence) != SMX_OK)
		return SMX_EPROTO;
	return SMX_OK;
}

static const char *const healths[] = { "unknown", "up", "down" };

void
wire_put_beat_params(struct buf *b, const struct smx_beat *beat)
{
	unsigned mta = (unsigned)beat->mta;

	buf_fmt(b, " MTA=%s LEAVING=%" PRId64,
	    healths[mta < sizeof(healths) / sizeof(*healths) ? mta : 0],
	    beat->leaving_ms > 0 ? beat->leaving_ms : 0);
}

int
wire_beat_params(const char *text, size_t len, struct smx_beat *beat)
{
	struct wire_param p[] = { { .name = "MTA" }, { .name = "LEAVING" } };
	uint64_t leaving;

	if (wire_params(text, len, p, 2) != SMX_OK || p[0].value == NULL ||
	    wire_param_number(&p[1], INT64_MAX, &leaving) != SMX_OK)
		return SMX_EPROTO;
	beat->leaving_ms = (int64_t)leaving;
	beat->mta = SMX_MTA_UNKNOWN;
	for (size_t i = 0; i < sizeof(healths) / sizeof(*healths); i++)
		if (strlen(healths[i]) == p[0].len &&
		    memcmp(healths[i], p[0].value, p[0].len) == 0)
			beat->mta = (enum smx_mta_health)i;
	return SMX_OK;
}

/* In the order of enum smx_answer. */
static const char letters[] = "uoflnrstydeh";

int
wire_request_answers(const struct smx_request *request)
{
	return request->kind == SMX_REQ_QUERY || request->kind == SMX_REQ_ASK ||
	       request->kind == SMX_REQ_CLAIM ||
	       request->kind == SMX_REQ_RETURN;
}

/* A primary knows of ends, a holder of copies; of what it has taken over it
 * knows both. */
static int
answer_fits(enum smx_request_kind kind, size_t answer)
{
	if (answer == SMX_ANSWER_UNKNOWN)
		return 1;
	if (kind == SMX_REQ_RETURN)
		return answer == SMX_ANSWER_OPEN ||
		       answer == SMX_ANSWER_FINISHED ||
		       answer == SMX_ANSWER_NONE ||
		       answer == SMX_ANSWER_SHADOW ||
		       answer == SMX_ANSWER_TAKEN;
	if (kind != SMX_REQ_ASK && answer > SMX_ANSWER_DENIED)
		return 0;
	return (kind == SMX_REQ_QUERY) == (answer < SMX_ANSWER_NONE);
}

char
wire_answer_letter(enum smx_request_kind kind, enum smx_answer answer)
{
	if ((unsigned)answer >= sizeof(letters) - 1 ||
	    !answer_fits(kind, answer))
		return letters[SMX_ANSWER_UNKNOWN];
	return letters[answer];
}

int
wire_answer_take(enum smx_request_kind kind, char letter,
    enum smx_answer *answer)
{
	const char *at = memchr(letters, letter, sizeof(letters) - 1);

	if (at == NULL || !answer_fits(kind, (size_t)(at - letters)))
		return SMX_EPROTO;
	*answer = (enum smx_answer)(at - letters);
	return SMX_OK;
}
