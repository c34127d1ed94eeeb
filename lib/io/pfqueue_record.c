/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/key.h"
#include "io/pfqueue_marker.h"

/* The words of the marker file. */

size_t
pfmarker_format(const struct pfmarker_record *r, char *out, size_t size)
{
	const struct smx_queue_state *s = &r->lineage;
	char id[33];
	size_t n;

	hex_format(s->epoch.id, 16, id);
	n = (size_t)snprintf(out, size,
	    "shadowmx-epoch 2\nid %s\ncounter %" PRIu64 "\nfirst %" PRIu64
	    "\nboot %s\ninode %" PRIu64 "\nunclean %" PRIu64
	    "\nclean %d\nforgot %d\nspans %zu\n",
	    id, s->epoch.counter, s->first, r->boot, r->inode, s->unclean,
	    r->clean, s->forgot, s->spans);
	for (size_t i = 0; i < s->spans && n < size; i++)
		n += (size_t)snprintf(out + n, size - n,
		    "%" PRIu64 " %" PRIu64 "\n", s->span[i].first,
		    s->span[i].last);
	if (n < size)
		n += (size_t)snprintf(out + n, size - n, "end\n");
	return n;
}

/* The first version told no spans: what it counted is taken to be one. */
static int
parse_first(const char *text, size_t len, struct pfmarker_record *r)
{
	struct smx_queue_state *s = &r->lineage;
	char id[33], again[PFMARKER_TEXT];
	int n;

	if (sscanf(text,
		"shadowmx-epoch 1\nid %32s\ncounter %" SCNu64
		"\nboot %39s\ninode %" SCNu64 "\nunclean %" SCNu64
		"\nclean %d\nend",
		id, &s->epoch.counter, r->boot, &r->inode, &s->unclean,
		&r->clean) != 6 ||
	    hex_parse(id, strlen(id), s->epoch.id, 16) != SMX_OK)
		return SMX_ECORRUPT;
	s->first = 1;
	n = snprintf(again, sizeof(again),
	    "shadowmx-epoch 1\nid %s\ncounter %" PRIu64
	    "\nboot %s\ninode %" PRIu64 "\nunclean %" PRIu64
	    "\nclean %d\nend\n",
	    id, s->epoch.counter, r->boot, r->inode, s->unclean, r->clean);
	return n == (int)len && memcmp(text, again, len) == 0 ? SMX_OK
							      : SMX_ECORRUPT;
}

static int
parse_spans(const char *text, struct smx_queue_state *s)
{
	for (size_t i = 0; i < s->spans; i++) {
		int used = 0;

		if (sscanf(text, "%" SCNu64 " %" SCNu64 "\n%n",
			&s->span[i].first, &s->span[i].last, &used) != 2 ||
		    used == 0)
			return SMX_ECORRUPT;
		text += used;
	}
	return SMX_OK;
}

/* Anything that pfmarker_format cannot have written is damaged. */
int
pfmarker_parse(const char *text, size_t len, struct pfmarker_record *r)
{
	struct smx_queue_state *s = &r->lineage;
	char id[33], again[PFMARKER_TEXT];
	int used = 0;

	memset(r, 0, sizeof(*r));
	if (parse_first(text, len, r) == SMX_OK)
		return SMX_OK;
	memset(r, 0, sizeof(*r));
	if (sscanf(text,
		"shadowmx-epoch 2\nid %32s\ncounter %" SCNu64 "\nfirst %" SCNu64
		"\nboot %39s\ninode %" SCNu64 "\nunclean %" SCNu64
		"\nclean %d\nforgot %d\nspans %zu\n%n",
		id, &s->epoch.counter, &s->first, r->boot, &r->inode,
		&s->unclean, &r->clean, &s->forgot, &s->spans, &used) != 9 ||
	    used == 0 || s->spans > SMX_QUEUE_SPANS_MAX ||
	    hex_parse(id, strlen(id), s->epoch.id, 16) != SMX_OK ||
	    parse_spans(text + used, s) != SMX_OK ||
	    pfmarker_format(r, again, sizeof(again)) != len ||
	    memcmp(text, again, len) != 0)
		return SMX_ECORRUPT;
	return SMX_OK;
}
