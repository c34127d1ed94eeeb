/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "io/fencebook.h"
#include "io/onecopy.h"
#include "io/pfqueue_marker.h"
#include "io/spill.h"

/* ---- content that is still arriving ---- */

#define SPILLED 20000

static char bytes[SPILLED];

static int
spill_act(void)
{
	struct smx_content content;
	uint8_t digest[SMX_DIGEST_BYTES];
	struct spill *spill = NULL;
	static char back[SPILLED];
	int rc = spill_new(&spill, flow_path("spill"), 5000);

	for (size_t i = 0; i < SPILLED; i++)
		bytes[i] = (char)(i * 31 >> 3);
	for (size_t at = 0; rc == SMX_OK && at < SPILLED; at += 2500)
		rc = spill_add(spill, bytes + at, 2500);
	if (rc == SMX_OK)
		rc = spill_end(spill, digest);
	if (rc == SMX_OK) {
		spill_content(spill, &content);
		rc = content.read(content.ctx, 0, back, SPILLED);
		flow_must(rc != SMX_OK || memcmp(back, bytes, SPILLED) == 0,
		    "what comes back is what came");
	}
	spill_free(&spill);
	return rc;
}

const struct flow flow_spill = { "spill", NULL, spill_act, NULL, 0 };

/* ---- what this host has put on hold ---- */

#define HELD 3

static struct fencebook_entry held[HELD];
static int promised; /* bits */

static void
entries(void)
{
	for (unsigned i = 0; i < HELD; i++) {
		held[i].key.counter = i + 1;
		held[i].epoch.counter = 7;
		snprintf(held[i].queue_id, sizeof(held[i].queue_id), "4jX%u",
		    i);
	}
}

static int
fencebook_act(void)
{
	struct fencebook *book = NULL;
	int rc = fencebook_open(&book, flow_folder), first = rc;

	entries();
	for (unsigned i = 0; rc == SMX_OK && i < HELD; i++) {
		int one = fencebook_hold(book, &held[i], 1);

		if (one == SMX_OK)
			promised |= 1 << i;
		else
			first = one;
	}
	if (rc == SMX_OK && first == SMX_OK) {
		promised &= ~1;
		fencebook_free(book, &held[0].key, 1);
	}
	fencebook_close(&book);
	return first;
}

static void
seen(void *ctx, const struct fencebook_entry *entry)
{
	int *found = ctx;

	flow_must(entry->key.counter >= 1 && entry->key.counter <= HELD &&
		      strcmp(entry->queue_id,
			  held[entry->key.counter - 1].queue_id) == 0,
	    "a line of the book is one that was written");
	*found |= 1 << (entry->key.counter - 1);
}

static void
fencebook_judge(void)
{
	struct fencebook *book = NULL;
	int found = 0;

	flow_must(fencebook_open(&book, flow_folder) == SMX_OK &&
		      fencebook_each(book, seen, &found) == SMX_OK,
	    "the book can be read");
	fencebook_close(&book);
	flow_must((promised & ~found) == 0,
	    "what was written down is in the book");
}

const struct flow flow_fencebook = { "fence-book", NULL, fencebook_act,
	fencebook_judge, 0 };

/* ---- what has one copy: nothing is promised ---- */

static void
one(void *ctx, const struct onecopy_entry *entry)
{
	flow_must(strcmp(entry->queue_id, "4jX") == 0 &&
		      entry->key.counter == 9,
	    "a line that is read is one that was written");
	*(int *)ctx += 1;
}

static int
onecopy_act(void)
{
	struct onecopy_entry entry = { .key = { .counter = 9 },
		.queue_id = "4jX" };
	struct onecopy *file = NULL;
	int found = 0, rc = onecopy_open(&file, flow_folder);

	if (rc != SMX_OK)
		return rc;
	onecopy_add(file, &entry);
	onecopy_add(file, &entry);
	onecopy_each(file, one, &found);
	onecopy_close(&file);
	return found > 0 ? SMX_OK : SMX_EIO;
}

const struct flow flow_onecopy = { "one-copy", NULL, onecopy_act, NULL, 0 };

/* ---- the queue's marker ---- */

static struct smx_epoch had; /* the last that messages were given */

static int
marker_act(void)
{
	int queue = open(flow_folder, O_RDONLY | O_DIRECTORY);
	struct pfmarker m = { .dir_fd = -1 };
	char why[256];
	int rc = pfmarker_open(&m, flow_path("shadowmx"), queue, "boot", why,
	    sizeof(why));

	if (rc == SMX_OK) {
		const struct smx_epoch *e = &m.record.lineage.epoch;

		flow_must(had.counter == 0 ||
			      memcmp(e->id, had.id, sizeof(e->id)) == 0,
		    "the queue is the one that it was");
		flow_must(e->counter > had.counter,
		    "no counter is given out twice");
		had = *e;
		for (int i = 0; i < 3; i++) {
			int beat = pfmarker_beat(&m);

			if (beat != SMX_OK)
				rc = beat;
			flow_must(beat != SMX_OK || e->counter > had.counter,
			    "a beat counts on");
			had = *e;
		}
		pfmarker_close(&m, 1);
	}
	close(queue);
	return rc;
}

static void
marker_prepare(void)
{
	flow_must(marker_act() == SMX_OK, "a marker can be made");
}

const struct flow flow_marker = { "marker", marker_prepare, marker_act, NULL,
	0 };

/* ---- a node's key ---- */

static int
key_act(void)
{
	char why[256], pin[SMX_PIN_TEXT];
	int rc;

	unlink(flow_path("node.key"));
	rc = smx_identity_generate(flow_path("node.key"), why, sizeof(why));
	if (rc == SMX_OK)
		rc = smx_identity_pin(flow_path("node.key"), pin, why,
		    sizeof(why));
	flow_must(rc != SMX_OK || smx_pin_check(pin) == SMX_OK, "a pin is one");
	return rc;
}

const struct flow flow_key = { "key", NULL, key_act, NULL, 0 };
