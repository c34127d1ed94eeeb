/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfcat_split.h"

#include <stdio.h>
#include <string.h>

static void
wait_for(struct pfcat_split *s, const char *words)
{
	int n = snprintf(s->mark, sizeof(s->mark), "*** %s %s ***\n", words,
	    s->cat->file[0].label);

	s->mark_len = (size_t)n;
}

void
pfcat_split_init(struct pfcat_split *s, struct pfcat *cat)
{
	memset(s, 0, sizeof(*s));
	s->cat = cat;
	s->stage = PFCAT_RECORDS;
	wait_for(s, "MESSAGE CONTENTS");
}

static void
compare(struct pfcat_split *s, const char *data, size_t len)
{
	size_t i = 0;

	if (s->same == s->column)
		while (i < len && s->same < s->mark_len &&
		       data[i] == s->mark[s->same]) {
			i++;
			s->same++;
		}
	s->column += len;
}

static void
mark_seen(struct pfcat_split *s)
{
	if (s->stage == PFCAT_RECORDS) {
		s->stage = PFCAT_CONTENTS;
		s->begin = s->at;
		wait_for(s, "HEADER EXTRACTED");
	} else {
		s->stage = PFCAT_EXTRACTED;
		s->end = s->at - s->mark_len;
		pfcat_feed(s->cat, s->mark, s->mark_len);
	}
}

void
pfcat_split_feed(struct pfcat_split *s, const char *data, size_t len)
{
	while (len != 0 && s->stage != PFCAT_EXTRACTED) {
		const char *end = memchr(data, '\n', len);
		size_t n = end == NULL ? len : (size_t)(end - data) + 1;

		compare(s, data, n);
		if (s->stage == PFCAT_RECORDS)
			pfcat_feed(s->cat, data, n);
		s->at += n;
		data += n;
		len -= n;
		if (end == NULL)
			return;
		if (s->same == s->column && s->same == s->mark_len)
			mark_seen(s);
		s->same = s->column = 0;
	}
	s->at += len;
	if (len != 0)
		pfcat_feed(s->cat, data, len);
}

int
pfcat_split_whole(const struct pfcat_split *s)
{
	return s->stage == PFCAT_EXTRACTED && !s->cat->forged &&
	       s->cat->ended == 1 && s->cat->stage == PFCAT_BETWEEN &&
	       s->cat->file[0].text != NULL;
}
