/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/netselect.h"

#include <string.h>

#include "base/buf.h"
#include "core/addr.h"
#include "core/envelope.h"

#define NOTIFY       "NOTIFY="
#define NOTIFY_NEVER NOTIFY "NEVER"

int
netselect_primary(const struct netselect *select, const struct smx_row *row,
    const char *creator)
{
	return select->primary[0] == '\0' ||
	       strcmp(select->primary, row->primary) == 0 ||
	       strcmp(select->primary, creator) == 0;
}

/* ---- addresses ---- */

/* A person who looks for somebody does not know how others write the name. */
static int
same_address(const char *wanted, const char *address)
{
	struct addr a, b;

	if (addr_read(&a, wanted) != SMX_OK || addr_read(&b, address) != SMX_OK)
		return strcmp(wanted, address) == 0;
	addr_fold(a.local, a.local_len);
	addr_fold(b.local, b.local_len);
	return strcmp(a.domain, b.domain) == 0 && strcmp(a.local, b.local) == 0;
}

static int
same_domain(const char *wanted, const char *address)
{
	char domain[ADDR_MAX + 1];
	struct addr a;

	if (addr_read(&a, address) != SMX_OK ||
	    text_copy(domain, sizeof(domain), wanted))
		return 0;
	addr_fold(domain, strlen(domain));
	return strcmp(a.domain, domain) == 0;
}

static int
is_meant(const char *wanted, const char *address)
{
	if (wanted[0] == '\0')
		return 1;
	return wanted[0] == '@' ? same_domain(wanted + 1, address)
				: same_address(wanted, address);
}

int
netselect_sender(const struct netselect *select, const char *sender)
{
	if (strcmp(select->sender, "<>") == 0)
		return sender[0] == '\0' || strcmp(sender, "<>") == 0;
	return is_meant(select->sender, sender);
}

size_t
netselect_recipients(const struct netselect *select,
    const struct smx_envelope *envelope, char *states)
{
	size_t count = smx_envelope_recipients(envelope), meant = 0;

	for (size_t i = 0; i < count; i++) {
		int is = is_meant(select->recipient,
		    smx_envelope_recipient(envelope, i));

		states[i] = is ? SMX_RCPT_OPEN : SMX_RCPT_HANDED;
		meant += is != 0;
	}
	states[count] = '\0';
	return meant;
}

/* ---- Message-ID ---- */

static void
bare(const char *id, size_t len, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 1 < size; i++)
		if (strchr("<> \t\r\n", id[i]) == NULL)
			out[used++] = id[i];
	out[used] = '\0';
}

int
netselect_message_id(const struct netselect *select, const char *id)
{
	char wanted[sizeof(select->message_id)];

	if (select->message_id[0] == '\0')
		return 1;
	bare(select->message_id, strlen(select->message_id), wanted,
	    sizeof(wanted));
	return strcmp(wanted, id) == 0;
}

static int
begins(const char *line, size_t len, const char *name)
{
	for (size_t i = 0; name[i] != '\0'; i++)
		if (i == len || (line[i] | 0x20) != (name[i] | 0x20))
			return 0;
	return 1;
}

/* To the end of the field: a line that begins with a blank goes on with it. */
static size_t
field_length(const char *field, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *lf = memchr(field + at, '\n', len - at);

		if (lf == NULL)
			return len;
		at = (size_t)(lf - field) + 1;
		if (at == len || (field[at] != ' ' && field[at] != '\t'))
			break;
	}
	return at;
}

void
netselect_find_id(const char *head, size_t len, char *out, size_t size)
{
	static const char name[] = "Message-ID:";
	const size_t name_len = sizeof(name) - 1;

	out[0] = '\0';
	while (len > 0 && head[0] != '\r' && head[0] != '\n') {
		size_t field = field_length(head, len);

		if (begins(head, field, name)) {
			bare(head + name_len, field - name_len, out, size);
			return;
		}
		head += field;
		len -= field;
	}
}

/* ---- who ---- */

int
netselect_is_ours(const char *holders, const char *own,
    netselect_alive_fn alive, void *ctx)
{
	size_t own_len = strlen(own);

	while (*holders != '\0') {
		size_t len = strcspn(holders, " ");

		if (len == own_len && memcmp(holders, own, len) == 0)
			return 1;
		if (len != 0 && alive(ctx, holders, len))
			return 0;
		holders += len;
		holders += *holders == ' ';
	}
	return 1;
}

/* ---- the envelope ---- */

static int
copy_recipient(struct smx_envelope *to, const struct smx_envelope *from,
    size_t index)
{
	const char *const *params;
	const char *changed[ENVELOPE_PARAMS_MAX + 1];
	size_t count = smx_envelope_rcpt_params(from, index, &params), n = 0;

	for (size_t i = 0; i < count && n < ENVELOPE_PARAMS_MAX; i++)
		if (!begins(params[i], strlen(params[i]), NOTIFY))
			changed[n++] = params[i];
	changed[n++] = NOTIFY_NEVER;
	return smx_envelope_rcpt(to, smx_envelope_recipient(from, index),
	    changed, n);
}

int
netselect_quiet(const struct smx_envelope *envelope, struct smx_envelope **out)
{
	size_t count = smx_envelope_recipients(envelope);
	const char *const *params;
	size_t n = smx_envelope_mail_params(envelope, &params);
	struct smx_envelope *made = NULL;
	int result = smx_envelope_new(&made, count == 0 ? 1 : count);

	for (int i = 0; result == SMX_OK && i < SMX_FIELDS; i++)
		result = smx_envelope_set(made, (enum smx_field)i,
		    smx_envelope_get(envelope, (enum smx_field)i));
	if (result == SMX_OK)
		result = smx_envelope_mail(made, smx_envelope_sender(envelope),
		    params, n);
	for (size_t i = 0; result == SMX_OK && i < count; i++)
		result = copy_recipient(made, envelope, i);
	if (result != SMX_OK)
		smx_envelope_free(&made);
	else
		*out = made;
	return result;
}
