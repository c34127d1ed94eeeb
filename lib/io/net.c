/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/net.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "io/fsutil.h"

#define FOLDER "net"

/* The net leaves so much of the disk to the mail: a sixteenth, at most this. */
#define FLOOR_BYTES ((uint64_t)1 << 30)
#define FLOOR_PART  16

struct slice {
	char name[SLICE_NAME_MAX];
	int64_t start_ms;
	uint64_t bytes;
	uint64_t messages;
	int counted;
};

struct net {
	int folder;
	struct netplan plan;
	struct slice_out out; /* the mover's */
	size_t at;            /* the mover's: which of the list that is */

	pthread_mutex_t lock; /* the list */
	struct slice *slices; /* in the order of their names */
	size_t count, size;
};

/* ---- the list ---- */

static int
list_add_locked(struct net *net, const struct slice *slice)
{
	struct slice *grown;
	size_t at = net->count;

	if (net->count == net->size) {
		size_t size = net->size == 0 ? 64 : 2 * net->size;

		grown = realloc(net->slices, size * sizeof(*grown));
		if (grown == NULL)
			return SMX_ENOMEM;
		net->slices = grown;
		net->size = size;
	}
	while (at > 0 && strcmp(net->slices[at - 1].name, slice->name) > 0)
		at--;
	memmove(net->slices + at + 1, net->slices + at,
	    (net->count - at) * sizeof(*slice));
	net->slices[at] = *slice;
	net->count++;
	net->at = at;
	return SMX_OK;
}

static void
list_remove(struct net *net, size_t at)
{
	pthread_mutex_lock(&net->lock);
	memmove(net->slices + at, net->slices + at + 1,
	    (net->count - at - 1) * sizeof(*net->slices));
	net->count--;
	pthread_mutex_unlock(&net->lock);
	if (net->at > at)
		net->at--;
}

static int
is_slice(const char *name)
{
	size_t len = strlen(name);

	return len < SLICE_NAME_MAX && len > 4 &&
	       strspn(name, "0123456789") == len - 4 &&
	       strcmp(name + len - 4, ".seg") == 0;
}

/* What is no slice was put there by a person. */
static int
found(void *ctx, const char *name)
{
	struct net *net = ctx;
	struct slice slice = { .start_ms = 0 };
	int fd, result;

	if (!is_slice(name))
		return SMX_OK;
	text_copy(slice.name, sizeof(slice.name), name);
	slice.start_ms = strtoll(name, NULL, 10);
	result = fs_open_read(net->folder, name, &fd, &slice.bytes);
	if (result != SMX_OK)
		return SMX_OK;
	fs_close(&fd);
	return list_add_locked(net, &slice);
}

int
net_open(struct net **out, int store_folder, const struct netplan *plan)
{
	struct net *net = calloc(1, sizeof(*net));
	int result;

	if (net == NULL)
		return SMX_ENOMEM;
	net->folder = net->out.fd = -1;
	net->plan = *plan;
	pthread_mutex_init(&net->lock, NULL);
	result = fs_open_folder(store_folder, FOLDER, &net->folder);
	if (result == SMX_OK)
		result = fs_each(net->folder, found, net);
	if (result != SMX_OK)
		net_close(&net);
	else
		*out = net;
	return result;
}

void
net_close(struct net **net)
{
	if (*net == NULL)
		return;
	slice_close(&(*net)->out);
	fs_close(&(*net)->folder);
	pthread_mutex_destroy(&(*net)->lock);
	free((*net)->slices);
	free(*net);
	*net = NULL;
}

static int
remove_slice(void *ctx, const char *name)
{
	const int *folder = ctx;

	return is_slice(name) ? fs_unlink(*folder, name) : SMX_OK;
}

void
net_remove(int store_folder)
{
	int folder = openat(store_folder, FOLDER,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder < 0)
		return;
	(void)!fs_each(folder, remove_slice, &folder);
	fs_close(&folder);
}

/* ---- adding ---- */

static int
begin(struct net *net, int64_t now_ms)
{
	struct slice slice = { .counted = 1 };
	int result;

	if (net->out.fd >= 0 && netplan_current(&net->plan, net->out.start_ms,
				    net->out.bytes, now_ms))
		return SMX_OK;
	slice_close(&net->out);
	result = slice_create(&net->out, net->folder, now_ms);
	if (result != SMX_OK)
		return result;
	text_copy(slice.name, sizeof(slice.name), net->out.name);
	slice.start_ms = net->out.start_ms;
	slice.bytes = net->out.bytes;
	pthread_mutex_lock(&net->lock);
	result = list_add_locked(net, &slice);
	pthread_mutex_unlock(&net->lock);
	if (result != SMX_OK)
		slice_close(&net->out);
	return result;
}

/* What is in it counts for readers once it is durable.  One slice is synced
 * before the next is begun. */
int
net_sync(struct net *net)
{
	int result = SMX_OK;

	if (net->out.fd < 0)
		return SMX_OK;
	result = slice_sync(&net->out);
	if (result != SMX_OK) {
		slice_close(&net->out);
		return result;
	}
	pthread_mutex_lock(&net->lock);
	net->slices[net->at].bytes = net->out.bytes;
	net->slices[net->at].messages = net->out.messages;
	pthread_mutex_unlock(&net->lock);
	return SMX_OK;
}

int
net_add(struct net *net, const struct slice_item *item,
    const struct smx_content *content, int64_t now_ms)
{
	int result = SMX_OK;

	if (net->out.fd >= 0 && !netplan_current(&net->plan, net->out.start_ms,
				    net->out.bytes, now_ms))
		result = net_sync(net);
	if (result == SMX_OK)
		result = begin(net, now_ms);
	if (result == SMX_OK)
		result = slice_add(&net->out, item, content);
	if (result != SMX_OK)
		slice_close(&net->out);
	return result;
}

/* ---- dropping ---- */

static void
look_at_disk(const struct net *net, uint64_t *free_bytes, uint64_t *floor)
{
	uint64_t total;

	*floor = 0;
	if (fs_room(net->folder, free_bytes, &total) != SMX_OK) {
		*free_bytes = UINT64_MAX;
		return;
	}
	*floor =
	    total / FLOOR_PART < FLOOR_BYTES ? total / FLOOR_PART : FLOOR_BYTES;
}

static enum netplan_why
victim(struct net *net, int64_t now_ms, uint64_t free_bytes, uint64_t floor,
    size_t *which)
{
	struct netplan_slice *list =
	    calloc(net->count + 1, sizeof(*list)); /* the mover's own count */
	enum netplan_why why = NETPLAN_NONE;

	for (size_t i = 0; list != NULL && i < net->count; i++) {
		list[i].start_ms = net->slices[i].start_ms;
		list[i].bytes = net->slices[i].bytes;
	}
	if (list != NULL)
		why = netplan_drop(&net->plan, list, net->count, now_ms,
		    free_bytes, floor, which);
	free(list);
	return why;
}

static int
drop(struct net *net, size_t at, enum netplan_why why, int64_t now_ms)
{
	struct slice slice = net->slices[at];
	struct log_line l;
	int result;

	if (net->out.fd >= 0 && net->at == at)
		slice_close(&net->out);
	crash_point("before a slice's unlink");
	result = fs_unlink(net->folder, slice.name);
	crash_point("after a slice's unlink");
	log_begin(&l, why == NETPLAN_OLD ? SMX_LOG_INFO : SMX_LOG_WARNING, NULL,
	    "net_slice_dropped");
	log_str(&l, "slice", slice.name);
	log_str(&l, "why", netplan_word(why));
	log_num(&l, "age_ms", now_ms - slice.start_ms);
	log_num(&l, "bytes", (int64_t)slice.bytes);
	if (slice.counted)
		log_num(&l, "messages", (int64_t)slice.messages);
	log_err(&l, "result", result);
	log_end(&l);
	if (result == SMX_OK)
		list_remove(net, at);
	return result;
}

int
net_tidy(struct net *net, int64_t now_ms)
{
	uint64_t free_bytes, floor;
	enum netplan_why why;
	size_t which;

	do {
		look_at_disk(net, &free_bytes, &floor);
		why = victim(net, now_ms, free_bytes, floor, &which);
	} while (
	    why != NETPLAN_NONE && drop(net, which, why, now_ms) == SMX_OK);
	return free_bytes < floor;
}

/* ---- looking ---- */

void
net_stats(struct net *net, struct smx_store_stats *stats)
{
	pthread_mutex_lock(&net->lock);
	stats->net_slices = net->count;
	stats->net_oldest_ms = net->count == 0 ? 0 : net->slices[0].start_ms;
	for (size_t i = 0; i < net->count; i++) {
		stats->net_bytes += net->slices[i].bytes;
		stats->net_messages += net->slices[i].messages;
	}
	pthread_mutex_unlock(&net->lock);
}

/* The first one after this name, or none. */
static int
slice_after(struct net *net, const char *name, struct slice *out)
{
	int result = SMX_ENOTFOUND;

	pthread_mutex_lock(&net->lock);
	for (size_t i = 0; result != SMX_OK && i < net->count; i++)
		if (strcmp(net->slices[i].name, name) > 0) {
			*out = net->slices[i];
			result = SMX_OK;
		}
	pthread_mutex_unlock(&net->lock);
	return result;
}

static void
counted(struct net *net, const char *name, uint64_t messages)
{
	pthread_mutex_lock(&net->lock);
	for (size_t i = 0; i < net->count; i++)
		if (strcmp(net->slices[i].name, name) == 0) {
			net->slices[i].messages = messages;
			net->slices[i].counted = 1;
		}
	pthread_mutex_unlock(&net->lock);
}

static void
tell_damage(const struct slice *slice, const struct slice_in *in)
{
	struct log_line l;

	if (in->damaged == 0 && !in->torn)
		return;
	/* A torn end is what a crash leaves: nothing was let go for it. */
	log_begin(&l, in->damaged != 0 ? SMX_LOG_WARNING : SMX_LOG_INFO, NULL,
	    "net_damaged");
	log_str(&l, "slice", slice->name);
	log_num(&l, "records", (int64_t)in->damaged);
	log_num(&l, "torn", in->torn);
	log_end(&l);
}

void
net_count(struct net *net, int (*stop)(void *ctx), void *ctx)
{
	struct slice slice = { .name = "" };

	while (!stop(ctx) && slice_after(net, slice.name, &slice) == SMX_OK) {
		struct slice_item item;
		struct slice_in in;
		uint64_t messages = 0;

		if (slice.counted || slice_open(&in, net->folder, slice.name,
					 slice.bytes) != SMX_OK)
			continue;
		while (slice_next(&in, &item) == SMX_OK && !stop(ctx))
			messages++;
		tell_damage(&slice, &in);
		slice_end(&in);
		counted(net, slice.name, messages);
	}
}

static int
kept_check(struct smx_kept *kept)
{
	return slice_check(kept->content.ctx, &kept->content);
}

struct looking {
	int64_t since_ms, until_ms;
	smx_kept_fn each;
	void *each_ctx;
};

static int
each_record(const struct looking *look, struct slice_in *in)
{
	struct slice_item item;
	int result;

	while ((result = slice_next(in, &item)) == SMX_OK) {
		struct smx_kept kept = { .row = item.row,
			.ended_ms = item.ended_ms,
			.envelope = item.envelope,
			.envelope_len = item.envelope_len,
			.check = kept_check };

		if (item.ended_ms < look->since_ms ||
		    item.ended_ms > look->until_ms)
			continue;
		text_copy(kept.creator, sizeof(kept.creator),
		    item.origin[0] != '\0' ? item.origin : item.row.primary);
		slice_content(in, &item, &kept.content);
		result = look->each(look->each_ctx, &kept);
		if (result != 0)
			return result;
	}
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

int
net_each(struct net *net, int64_t since_ms, int64_t until_ms, smx_kept_fn each,
    void *each_ctx)
{
	const struct looking look = { since_ms, until_ms, each, each_ctx };
	struct slice slice = { .name = "" };
	int result = SMX_OK;

	while (result == SMX_OK &&
	       slice_after(net, slice.name, &slice) == SMX_OK) {
		struct slice_in in;

		result = slice_open(&in, net->folder, slice.name, slice.bytes);
		/* Dropped meanwhile, or nothing of it can be trusted. */
		if (result == SMX_ENOTFOUND || result == SMX_ECORRUPT) {
			result = SMX_OK;
			continue;
		}
		if (result != SMX_OK)
			break;
		result = each_record(&look, &in);
		tell_damage(&slice, &in);
		slice_end(&in);
	}
	return result;
}
