/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "store_world.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
world_start(struct world *world)
{
	char why[256] = "";
	int result = world->kind == WORLD_MEMORY
			 ? smx_store_open_memory(&world->store, &world->options)
			 : smx_store_open_sqlite(&world->store, &world->options,
			       why, sizeof(why));

	ck_assert_msg(result == SMX_OK, "%s: %s", smx_errname(result), why);
}

void
world_open(struct world *world, int kind)
{
	memset(world, 0, sizeof(*world));
	world->kind = kind;
	snprintf(world->folder, sizeof(world->folder),
	    "/tmp/check_store.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world->folder));
	snprintf(world->path, sizeof(world->path), "%s/store", world->folder);
	world->options.path = world->path;
	world->options.body_file_bytes = WORLD_BODY_FILE;
	world->options.tombstone_ms = (int64_t)2 * 86400 * 1000;
	world_start(world);
}

void
world_reopen(struct world *world)
{
	smx_store_close(&world->store);
	world_start(world);
}

static void
empty_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	rmdir(path);
}

void
world_close(struct world *world)
{
	char bodies[96];

	smx_store_close(&world->store);
	snprintf(bodies, sizeof(bodies), "%s/bodies", world->path);
	empty_folder(bodies);
	empty_folder(world->path);
	rmdir(world->folder);
}

struct smx_key
world_key(unsigned incarnation, uint64_t counter)
{
	struct smx_key key = { .counter = counter };

	key.incarnation[0] = (uint8_t)(incarnation >> 8);
	key.incarnation[15] = (uint8_t)incarnation;
	return key;
}

struct smx_shadow_head
world_head(const char *primary, struct smx_key key, size_t size)
{
	static const char envelope[] =
	    "MAIL <a@example.org>\r\nRCPT <b@example.com>\r\n"
	    "RCPT <c@example.com>\r\n";
	struct smx_shadow_head head = {
		.key = key,
		.primary = primary,
		.queue_id = "4jXKs0000zABC",
		.epoch = { .id = { 1, 2, 3 }, .counter = 7 },
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 2,
		.size = size,
		.now_ms = 1000000 + (int64_t)(key.counter % 1000000),
	};

	return head;
}

char *
world_bytes(size_t size, unsigned seed)
{
	char *bytes = malloc(size + 1);
	uint32_t x = seed * 2654435761u + 1;

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		bytes[i] = (char)(x >> 24);
	}
	return bytes;
}

int
world_put(struct world *world, const struct smx_shadow_head *head,
    const char *bytes)
{
	const struct smx_store_ops *ops = world->store.ops;
	struct smx_draft *draft = NULL;
	int result = ops->begin(world->store.ctx, head, &draft);
	size_t step = 1;

	if (result != SMX_OK)
		return result;
	for (size_t at = 0; result == SMX_OK && at < head->size;) {
		size_t len = head->size - at < step ? head->size - at : step;

		result = ops->write(world->store.ctx, draft, bytes + at, len);
		at += len;
		step = step * 3 + 1;
	}
	if (result != SMX_OK) {
		ops->abort(world->store.ctx, &draft);
		return result;
	}
	result = ops->commit(world->store.ctx, &draft);
	ck_assert_ptr_null(draft);
	return result;
}

int
world_store(struct world *world, const char *primary, struct smx_key key,
    size_t size, unsigned seed)
{
	struct smx_shadow_head head = world_head(primary, key, size);
	char *bytes = world_bytes(size, seed);
	int result = world_put(world, &head, bytes);

	free(bytes);
	return result;
}

static int
same(const struct smx_content *content, const char *bytes, size_t size)
{
	char piece[100];

	if (content->size != size ||
	    (content->bytes != NULL &&
		memcmp(content->bytes, bytes, size) != 0))
		return SMX_ECORRUPT;
	for (size_t at = 0; at < size; at += 977) {
		size_t len = size - at < 100 ? size - at : 100;

		if (content->read(content->ctx, at, piece, len) != SMX_OK ||
		    memcmp(piece, bytes + at, len) != 0)
			return SMX_ECORRUPT;
	}
	if (content->read(content->ctx, size, piece, 1) != SMX_EINVAL)
		return SMX_ESTATE;
	return SMX_OK;
}

int
world_check(struct world *world, struct smx_key key, size_t size, unsigned seed)
{
	const struct smx_store_ops *ops = world->store.ops;
	char *bytes = world_bytes(size, seed);
	struct smx_content content;
	int result = ops->open(world->store.ctx, &key, &content);

	if (result == SMX_OK) {
		result = same(&content, bytes, size);
		ops->close_content(world->store.ctx, &content);
	}
	free(bytes);
	return result;
}

int
world_drop(struct world *world, const char *primary, struct smx_key key)
{
	size_t foreign = 0;
	int result = world->store.ops->drop(world->store.ctx, primary, &key, 1,
	    &foreign);

	return result == SMX_OK && foreign != 0 ? SMX_EPERM : result;
}

int
world_get(struct world *world, struct smx_key key, struct smx_row *row)
{
	return world->store.ops->get(world->store.ctx, &key, row);
}

static size_t
count_bodies(const struct world *world)
{
	char path[96];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bodies", world->path);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.' &&
			 strcmp(entry->d_name, "reserve") != 0;
	closedir(dir);
	return count;
}

size_t
world_bodies(const struct world *world, size_t want)
{
	size_t found = count_bodies(world);

	for (int tries = 0; found != want && tries < 500; tries++) {
		usleep(10000);
		found = count_bodies(world);
	}
	return found;
}

void
world_stats(struct world *world, struct smx_store_stats *stats)
{
	ck_assert_int_eq(world->store.ops->stats(world->store.ctx, stats),
	    SMX_OK);
}
