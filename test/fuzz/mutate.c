/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

static size_t
chance(struct corpus *c, size_t below)
{
	c->chance ^= c->chance << 13;
	c->chance ^= c->chance >> 7;
	c->chance ^= c->chance << 17;
	return below == 0 ? 0 : (size_t)(c->chance % below);
}

void
corpus_open(struct corpus *c, const struct fuzz_target *target, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->chance = seed * 2654435761u + 88172645463325252u;
	c->words = target->words;
	while (c->words[c->words_count] != NULL)
		c->words_count++;
	for (size_t i = 0; target->seeds[i] != NULL; i++)
		corpus_keep(c, target->seeds[i], strlen(target->seeds[i]));
	c->unchanged = c->count;
}

void
corpus_close(struct corpus *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->kept[i].data);
	c->count = 0;
}

void
corpus_keep(struct corpus *c, const char *data, size_t len)
{
	struct kept *k;

	if (c->count == CORPUS_MAX)
		return;
	k = &c->kept[c->count];
	k->data = malloc(len + 1);
	if (k->data == NULL)
		return;
	memcpy(k->data, data, len);
	k->len = len;
	c->count++;
}

/* An input that is being changed. */
struct draft {
	char *data;
	size_t len, size;
};

static void
put_in(struct draft *d, size_t at, const char *data, size_t len)
{
	if (len > d->size - d->len)
		return;
	memmove(d->data + at + len, d->data + at, d->len - at);
	memcpy(d->data + at, data, len);
	d->len += len;
}

static void
take_out(struct draft *d, size_t at, size_t len)
{
	if (len > d->len - at)
		len = d->len - at;
	memmove(d->data + at, d->data + at + len, d->len - at - len);
	d->len -= len;
}

static void
put_word(struct corpus *c, struct draft *d)
{
	const char *word = c->words[chance(c, c->words_count)];

	put_in(d, chance(c, d->len + 1), word, strlen(word));
}

/* A piece of it, or of another one, once or many times. */
static void
put_piece(struct corpus *c, struct draft *d)
{
	const struct kept *from = &c->kept[chance(c, c->count)];
	size_t at = chance(c, from->len + 1);
	size_t len = chance(c, from->len - at + 1);
	size_t to = chance(c, d->len + 1);
	size_t times = chance(c, 16) == 0 ? chance(c, 3000) : 1;

	if (len > 2000)
		len = chance(c, 2000);
	while (times-- > 0 && d->len < d->size / 2)
		put_in(d, to, from->data + at, len);
}

/* The digits at some place become another number. */
static void
put_number(struct corpus *c, struct draft *d)
{
	static const char *const numbers[] = { "0", "1", "-1", "2", "100",
		"1000", "1001", "65535", "4294967295", "4294967296",
		"9223372036854775807", "9223372036854775808",
		"18446744073709551615", "18446744073709551616", "00000001" };
	size_t at = chance(c, d->len + 1), n = 0;
	const char *to = numbers[chance(c, sizeof(numbers) / sizeof(*numbers))];

	while (at < d->len && (d->data[at] < '0' || d->data[at] > '9'))
		at++;
	while (
	    at + n < d->len && d->data[at + n] >= '0' && d->data[at + n] <= '9')
		n++;
	take_out(d, at, n);
	put_in(d, at, to, strlen(to));
}

static void
change(struct corpus *c, struct draft *d)
{
	size_t at = chance(c, d->len);

	switch (chance(c, 9)) {
	case 0:
		if (d->len > 0)
			d->data[at] ^= (char)(1 << chance(c, 8));
		break;
	case 1:
		if (d->len > 0)
			d->data[at] = (char)chance(c, 256);
		break;
	case 2:
		take_out(d, at, chance(c, 1 + chance(c, 60)));
		break;
	case 3:
		d->len = chance(c, 4) == 0 ? at : d->len;
		break;
	case 4:
	case 5:
		put_word(c, d);
		break;
	case 6:
	case 7:
		put_piece(c, d);
		break;
	default:
		put_number(c, d);
	}
}

size_t
corpus_next(struct corpus *c, char *out, size_t size)
{
	struct draft d = { out, 0, size };
	const struct kept *from;
	size_t times = 1 + chance(c, 6);

	if (c->unchanged > 0) {
		from = &c->kept[--c->unchanged];
		times = 0;
	} else {
		from = &c->kept[chance(c, c->count)];
	}
	d.len = from->len < size ? from->len : size;
	memcpy(out, from->data, d.len);
	while (times-- > 0)
		change(c, &d);
	return d.len;
}
