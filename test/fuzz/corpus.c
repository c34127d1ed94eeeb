/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Inputs that came to something new once, in one file for each target: of each
 * its length in a line, its bytes, a line end.
 */
#define SAVED_MAX     24   /* for each target */
#define SAVED_LEN_MAX 1500 /* longer ones are not saved */

size_t
corpus_load(struct corpus *c, const char *folder, const char *name)
{
	static char data[FUZZ_LEN_MAX];
	char path[1024], line[32];
	size_t before = c->count, len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		len = strtoul(line, NULL, 10);
		if (len > sizeof(data) || fread(data, 1, len, f) != len ||
		    fgetc(f) != '\n') {
			fprintf(stderr, "%s: is no such file\n", path);
			abort();
		}
		corpus_keep(c, data, len);
	}
	fclose(f);
	c->unchanged = c->count;
	return c->count - before;
}

void
corpus_save(const struct corpus *c, size_t from, const char *folder,
    const char *name)
{
	char path[1024];
	size_t step, at = 0, small = 0;
	FILE *f;

	for (size_t i = from; i < c->count; i++)
		small += c->kept[i].len <= SAVED_LEN_MAX;
	if (small == 0)
		return;
	step = (small - 1) / SAVED_MAX + 1;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "a");
	if (f == NULL)
		return;
	for (size_t i = from; i < c->count; i++) {
		if (c->kept[i].len > SAVED_LEN_MAX || at++ % step != 0)
			continue;
		fprintf(f, "%zu\n", c->kept[i].len);
		fwrite(c->kept[i].data, 1, c->kept[i].len, f);
		fputc('\n', f);
	}
	fclose(f);
}
