/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shadowmx/shadowmx.h>

/*
 * Puts messages into a store that no daemon has open, in a state of choice, and
 * prints their keys:
 *
 *	plant STORE PRIMARY STATE COUNT QUEUEID
 *
 * The keys' incarnation is made of the queue id, so that it is another one for
 * each call of a test.
 */
static const char content[] = "Subject: planted\r\n\r\nHello.\r\n";

static int64_t
now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static int
add(struct smx_store *store, const struct smx_key *key, const char *primary,
    const char *queue_id)
{
	static const char *const params[] = { "NOTIFY=NEVER" };
	struct smx_shadow_head head = { .key = *key,
		.primary = primary,
		.queue_id = queue_id,
		.recipients = 2,
		.size = sizeof(content) - 1,
		.now_ms = now_ms() - 60000,
		.holders = "mx1.test.invalid mx3.test.invalid" };
	struct smx_envelope *e = NULL;
	struct smx_draft *draft = NULL;
	char *text = NULL;
	int rc = smx_envelope_new(&e, 10);

	if (rc == SMX_OK)
		rc = smx_envelope_mail(e, "<a@test.invalid>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_envelope_rcpt(e, "<b@test.invalid>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_envelope_rcpt(e, "<\033[2J@test.invalid>", params, 1);
	if (rc == SMX_OK)
		rc = smx_envelope_encode(e, &text, &head.envelope_len);
	head.envelope = text;
	if (rc == SMX_OK)
		rc = store->ops->begin(store->ctx, &head, &draft);
	if (rc == SMX_OK)
		rc = store->ops->write(store->ctx, draft, content, head.size);
	if (rc == SMX_OK)
		rc = store->ops->commit(store->ctx, &draft);
	smx_envelope_free(&e);
	free(text);
	return rc;
}

/* Shadow, claimed, then further. */
static int
move(struct smx_store *store, const struct smx_key *key,
    enum smx_row_state state)
{
	struct smx_row_change change = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED,
		.now_ms = now_ms(),
		.next_try_ms = now_ms() + 3000000 };
	int rc;

	if (state == SMX_ROW_SHADOW)
		return SMX_OK;
	rc = store->ops->mark(store->ctx, key, &change);
	if (rc != SMX_OK || state == SMX_ROW_CLAIMED)
		return rc;
	change.from = SMX_ROW_CLAIMED;
	change.to = state;
	change.reason = "554 5.7.1 refused";
	if (state == SMX_ROW_HANDED)
		change.handed_id = "HANDED1";
	return store->ops->mark(store->ctx, key, &change);
}

static int
state_of(const char *word, enum smx_row_state *state)
{
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_QUARANTINED; s++)
		if (strcmp(word, smx_row_state_name((enum smx_row_state)s)) ==
		    0) {
			*state = (enum smx_row_state)s;
			return SMX_OK;
		}
	return SMX_EINVAL;
}

static int
plant(struct smx_store *store, char **argv)
{
	const char *queue_id = argv[5];
	struct smx_key key = { .counter = 0 };
	enum smx_row_state state;
	unsigned long count = strtoul(argv[4], NULL, 10);
	int rc = state_of(argv[3], &state);

	memcpy(key.incarnation, queue_id, strnlen(queue_id, 16));
	while (rc == SMX_OK && key.counter < count) {
		char text[SMX_KEY_TEXT];

		key.counter++;
		rc = add(store, &key, argv[2], queue_id);
		if (rc == SMX_OK)
			rc = move(store, &key, state);
		smx_key_format(&key, text);
		if (rc == SMX_OK)
			puts(text);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	struct smx_store_options options = { .body_file_bytes = 262144 };
	struct smx_store store;
	char why[256] = "";
	int rc;

	if (argc != 6)
		return 64;
	options.path = argv[1];
	rc = smx_store_open_sqlite(&store, &options, why, sizeof(why));
	if (rc == SMX_OK) {
		rc = plant(&store, argv);
		smx_store_close(&store);
	}
	if (rc != SMX_OK)
		fprintf(stderr, "plant: %s %s\n", smx_strerror(rc), why);
	return rc == SMX_OK ? 0 : 1;
}
