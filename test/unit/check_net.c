/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/netplan.h"
#include "core/netselect.h"
#include "io/db_sqlite.h"
#include "io/net_slice.h"
#include "store_world.h"

/* The safety net: slices, what is kept and dropped, what is meant. */

#define HOUR ((int64_t)3600000)

/* ---- what goes ---- */

static struct netplan
plan_of(int64_t keep_ms, int64_t slice_ms, uint64_t bytes)
{
	struct netplan plan;

	netplan_make(&plan, keep_ms, slice_ms, bytes);
	return plan;
}

START_TEST(a_slice_goes_when_all_of_it_is_old)
{
	struct netplan plan = plan_of(48 * HOUR, HOUR, 1000);
	struct netplan_slice s[] = { { 100 * HOUR, 10 }, { 101 * HOUR, 10 } };
	size_t which;

	ck_assert_int_eq(netplan_drop(&plan, s, 2, 149 * HOUR - 1, 100, 0,
			     &which),
	    NETPLAN_NONE);
	ck_assert_int_eq(netplan_drop(&plan, s, 2, 149 * HOUR, 100, 0, &which),
	    NETPLAN_OLD);
	ck_assert_uint_eq(which, 0);
	/* A clock that was set back makes nothing old. */
	ck_assert_int_eq(netplan_drop(&plan, s, 2, 0, 100, 0, &which),
	    NETPLAN_NONE);
}
END_TEST

START_TEST(the_oldest_goes_when_there_is_too_much)
{
	struct netplan plan = plan_of(48 * HOUR, HOUR, 1000);
	struct netplan_slice s[] = { { 100 * HOUR, 500 }, { 101 * HOUR, 500 },
		{ 102 * HOUR, 1 } };
	size_t which;

	ck_assert_int_eq(netplan_drop(&plan, s, 2, 103 * HOUR, 1, 0, &which),
	    NETPLAN_NONE);
	ck_assert_int_eq(netplan_drop(&plan, s, 3, 103 * HOUR, 1, 0, &which),
	    NETPLAN_SIZE);
	ck_assert_uint_eq(which, 0);
	ck_assert_int_eq(netplan_drop(&plan, s, 2, 103 * HOUR, 1, 2, &which),
	    NETPLAN_DISK);
	ck_assert_uint_eq(which, 0);
	/* One from the future before all others. */
	s[2].start_ms = 900 * HOUR;
	ck_assert_int_eq(netplan_drop(&plan, s, 3, 103 * HOUR, 1, 0, &which),
	    NETPLAN_SIZE);
	ck_assert_uint_eq(which, 2);
	ck_assert_int_eq(netplan_drop(&plan, s, 0, 103 * HOUR, 0, 9, &which),
	    NETPLAN_NONE);
}
END_TEST

START_TEST(no_more_waits_than_may)
{
	struct netplan plan = plan_of(HOUR, HOUR, 1 << 20);
	struct netplan none = plan_of(0, HOUR, 1 << 20);

	ck_assert(netplan_admits(&plan, 0, 0, 1 << 20));
	ck_assert(!netplan_admits(&plan, 0, 0, (1 << 20) + 1));
	ck_assert(!netplan_admits(&plan, 0, 1, 1 << 20));
	ck_assert(!netplan_admits(&plan, 0, UINT64_MAX, 1));
	ck_assert(!netplan_admits(&plan, 0, 1, UINT64_MAX));
	ck_assert(!netplan_admits(&plan, plan.wait_rows, 0, 1));
	ck_assert(!netplan_admits(&none, 0, 0, 1));
}
END_TEST

START_TEST(a_slice_is_current_for_its_time)
{
	struct netplan plan = plan_of(48 * HOUR, HOUR, 8000);

	ck_assert(netplan_current(&plan, 10, 5, 10));
	ck_assert(netplan_current(&plan, 10, 5, 9 + HOUR));
	ck_assert(!netplan_current(&plan, 10, 5, 10 + HOUR));
	ck_assert(!netplan_current(&plan, 10, 5, 9));
	ck_assert(!netplan_current(&plan, 10, 1000, 10));
}
END_TEST

/* ---- slices ---- */

struct text {
	const char *data;
	size_t len;
};

static int
text_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct text *text = ctx;

	memcpy(buf, text->data + offset, len);
	return SMX_OK;
}

static char folder[64];
static int folder_fd = -1;

static void
slice_setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/check_net.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
}

static void
slice_teardown(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	close(folder_fd);
	rmdir(folder);
}

#define RECORDS  4
#define ENVELOPE "MAIL <a@b>\r\nRCPT <c@d>\r\n"

static size_t
record_size(unsigned n)
{
	return n == 2 ? 100000 : 10 + n;
}

static struct slice_item
item_of(unsigned n)
{
	struct slice_item item = { .ended_ms = 7000 + n,
		.envelope = ENVELOPE,
		.envelope_len = sizeof(ENVELOPE) - 1,
		.row = { .key = { .incarnation = { 9 }, .counter = n },
		    .primary = "mx1",
		    .queue_id = "4jX",
		    .holders = "b c",
		    .recipients = 1,
		    .stored_ms = 5000,
		    .held = n == 1,
		    .amended = n == 3 } };

	snprintf(item.origin, sizeof(item.origin), n == 3 ? "mx3" : "");
	return item;
}

static void
make_slice(struct slice_out *out)
{
	ck_assert_int_eq(slice_create(out, folder_fd, 1000), SMX_OK);
	for (unsigned n = 0; n < RECORDS; n++) {
		char *bytes = world_bytes(record_size(n), n);
		struct text text = { bytes, record_size(n) };
		struct smx_content content = { .ctx = &text,
			.size = text.len,
			.read = text_read };
		struct slice_item item = item_of(n);

		ck_assert_int_eq(slice_add(out, &item, &content), SMX_OK);
		free(bytes);
	}
	ck_assert_int_eq(slice_sync(out), SMX_OK);
}

/* Bits of the records that come back whole; what comes must be right. */
static unsigned
read_slice(const char *name, uint64_t *damaged, int *torn)
{
	struct slice_item item;
	struct slice_in in;
	unsigned seen = 0;
	int result = slice_open(&in, folder_fd, name, UINT64_MAX);

	if (result == SMX_ECORRUPT)
		return 0;
	ck_assert_int_eq(result, SMX_OK);
	while ((result = slice_next(&in, &item)) == SMX_OK) {
		unsigned n = (unsigned)item.row.key.counter;
		struct slice_item want = item_of(n);
		struct smx_content content;
		char *bytes, *back;

		ck_assert_uint_lt(n, RECORDS);
		ck_assert_str_eq(item.row.primary, "mx1");
		ck_assert_str_eq(item.row.holders, "b c");
		ck_assert_str_eq(item.origin, want.origin);
		ck_assert_int_eq(item.ended_ms, want.ended_ms);
		ck_assert_int_eq(item.row.held, want.row.held);
		ck_assert_int_eq(item.row.amended, want.row.amended);
		ck_assert_mem_eq(item.envelope, ENVELOPE, item.envelope_len);
		slice_content(&in, &item, &content);
		if (slice_check(&in, &content) != SMX_OK)
			continue;
		bytes = world_bytes(record_size(n), n);
		back = malloc(record_size(n));
		ck_assert_uint_eq(content.size, record_size(n));
		ck_assert_int_eq(content.read(content.ctx, 0, back,
				     content.size),
		    SMX_OK);
		ck_assert_mem_eq(bytes, back, record_size(n));
		free(bytes);
		free(back);
		seen |= 1u << n;
	}
	ck_assert_int_eq(result, SMX_ENOTFOUND);
	if (damaged != NULL)
		*damaged = in.damaged;
	if (torn != NULL)
		*torn = in.torn;
	slice_end(&in);
	return seen;
}

START_TEST(what_was_added_comes_back)
{
	struct slice_out out;
	uint64_t damaged;
	int torn;

	make_slice(&out);
	ck_assert_uint_eq(read_slice(out.name, &damaged, &torn), 0xf);
	ck_assert_uint_eq(damaged, 0);
	ck_assert(!torn);
	slice_close(&out);
}
END_TEST

START_TEST(a_name_that_is_taken_is_not_written_to)
{
	struct slice_out out, other;

	make_slice(&out);
	ck_assert_int_eq(slice_create(&other, folder_fd, 1000), SMX_OK);
	ck_assert_str_ne(out.name, other.name);
	slice_close(&other);
	slice_close(&out);
}
END_TEST

/* Wherever it is torn, what is whole before is there and nothing else. */
START_TEST(a_torn_end_ends_the_slice)
{
	struct slice_out out;
	uint64_t size;
	unsigned before = 0xf;

	make_slice(&out);
	size = out.bytes;
	for (uint64_t end = size; end-- > 0;) {
		unsigned seen;

		/* The large one need not be cut at every byte. */
		if (end > 1000 && end < size - 1000 && end % 997 != 0)
			continue;
		ck_assert_int_eq(ftruncate(out.fd, (off_t)end), 0);
		seen = read_slice(out.name, NULL, NULL);
		ck_assert_msg((seen & ~before) == 0 && (seen & (seen + 1)) == 0,
		    "%llu: %x", (unsigned long long)end, seen);
		before = seen;
	}
	ck_assert_uint_eq(before, 0);
	slice_close(&out);
}
END_TEST

/* Nothing that is not what was written comes back; all else does. */
START_TEST(a_flipped_bit_costs_one_record)
{
	struct slice_out out;

	make_slice(&out);
	for (uint64_t at = NETRECORD_FILE + NETRECORD_FILE_CHECK;
	     at < out.bytes; at++) {
		uint8_t byte;
		unsigned seen;

		if (at > 1200 && at < out.bytes - 600 && at % 1009 != 0)
			continue;
		ck_assert_int_eq(pread(out.fd, &byte, 1, (off_t)at), 1);
		byte ^= (uint8_t)(1u << at % 8);
		ck_assert_int_eq(pwrite(out.fd, &byte, 1, (off_t)at), 1);
		seen = read_slice(out.name, NULL, NULL);
		ck_assert_msg(seen == 0xe || seen == 0xd || seen == 0xb ||
				  seen == 0x7,
		    "%llu: %x", (unsigned long long)at, seen);
		byte ^= (uint8_t)(1u << at % 8);
		ck_assert_int_eq(pwrite(out.fd, &byte, 1, (off_t)at), 1);
	}
	slice_close(&out);
}
END_TEST

/* ---- the store ---- */

static struct world world;

static void
net_open_world(int64_t keep_ms, uint64_t bytes)
{
	world_open(&world, WORLD_SQLITE);
	world.options.net_keep_ms = keep_ms;
	world.options.net_slice_ms = HOUR;
	world.options.net_bytes = bytes;
	world_reopen(&world);
}

static void
store_setup(void)
{
	net_open_world(24 * HOUR, 10 << 20);
}

static void
store_teardown(void)
{
	char path[128];
	DIR *dir;
	struct dirent *entry;

	smx_store_close(&world.store);
	snprintf(path, sizeof(path), "%s/net", world.path);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
	world_close(&world);
}

static int
finish(struct smx_key key)
{
	size_t foreign = 9;
	int result =
	    world.store.ops->finish(world.store.ctx, "mx1", &key, 1, &foreign);

	return result == SMX_OK && foreign != 0 ? SMX_EPERM : result;
}

struct had {
	unsigned count[16];
	int64_t since_ms;
};

static int
have(void *ctx, struct smx_kept *kept)
{
	struct had *had = ctx;
	unsigned n = (unsigned)kept->row.key.counter;
	char *bytes = world_bytes(kept->row.size, n);
	char *back = malloc(kept->row.size + 1);

	ck_assert_uint_lt(n, 16);
	ck_assert_int_eq(kept->check(kept), SMX_OK);
	ck_assert_int_eq(kept->content.read(kept->content.ctx, 0, back,
			     kept->content.size),
	    SMX_OK);
	ck_assert_mem_eq(bytes, back, kept->row.size);
	ck_assert_str_eq(kept->creator, "mx1");
	had->count[n]++;
	free(bytes);
	free(back);
	return 0;
}

static struct had
all_kept(void)
{
	struct had had = { .since_ms = 0 };

	ck_assert_int_eq(world.store.ops->kept(world.store.ctx, 0, INT64_MAX,
			     have, &had),
	    SMX_OK);
	return had;
}

static size_t sizes[] = { 100, 9000 }; /* in the row, and in a file */

START_TEST(what_is_finished_is_gone_and_kept)
{
	struct smx_key key = world_key(1, 3);
	struct smx_store_stats stats;
	struct smx_row row;
	size_t size = sizes[_i];

	ck_assert_int_eq(world_store(&world, "mx1", key, size, 3), SMX_OK);
	ck_assert_int_eq(finish(key), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_ENOTFOUND);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 0);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 0);
	ck_assert_int_eq(world_store(&world, "mx1", key, size, 3), SMX_EGONE);
	ck_assert_uint_eq(all_kept().count[3], 1);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.net_messages, 1);
	ck_assert_uint_eq(stats.net_waiting, 0);
	ck_assert_uint_eq(stats.net_slices, 1);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	world_reopen(&world);
	ck_assert_uint_eq(all_kept().count[3], 1);
}
END_TEST

START_TEST(what_is_dropped_is_not_kept)
{
	struct smx_key key = world_key(1, 3);

	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 3), SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", key), SMX_OK);
	ck_assert_uint_eq(all_kept().count[3], 0);
	/* Neither is what another one says. */
	key = world_key(1, 4);
	ck_assert_int_eq(world_store(&world, "mx2", key, 100, 4), SMX_OK);
	ck_assert_int_eq(finish(key), SMX_EPERM);
	ck_assert_uint_eq(all_kept().count[4], 0);
}
END_TEST

static int
envelope_is(void *ctx, struct smx_kept *kept)
{
	ck_assert_uint_eq(kept->envelope_len, strlen(ctx));
	ck_assert_mem_eq(kept->envelope, ctx, kept->envelope_len);
	ck_assert(!kept->row.amended);
	return 1;
}

/* An amendment names only who is still to be served. */
START_TEST(who_was_served_before_is_kept_too)
{
	struct smx_key key = world_key(1, 3);
	static const char now[] = "MAIL <a@example.org>\r\n"
				  "RCPT <c@example.com>\r\n";
	struct smx_row_amendment m = { .key = key,
		.version = 5,
		.envelope = now,
		.envelope_len = sizeof(now) - 1,
		.recipients = 1,
		.held = -1 };
	size_t foreign;
	char first[200];

	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 3), SMX_OK);
	snprintf(first, sizeof(first), "%s",
	    world_head("mx1", key, 100).envelope);
	ck_assert_int_eq(world.store.ops->amend(world.store.ctx, "mx1", &m, 1,
			     &foreign),
	    SMX_OK);
	m.version = 6;
	ck_assert_int_eq(world.store.ops->amend(world.store.ctx, "mx1", &m, 1,
			     &foreign),
	    SMX_OK);
	ck_assert_int_eq(finish(key), SMX_OK);
	ck_assert_int_eq(world.store.ops->kept(world.store.ctx, 0, INT64_MAX,
			     envelope_is, first),
	    1);
}
END_TEST

START_TEST(what_is_too_much_is_dropped_as_ever)
{
	struct smx_key key = world_key(1, 3);
	struct smx_store_stats stats;
	struct smx_row row;

	store_teardown();
	net_open_world(HOUR, 4000);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 3), SMX_OK);
	ck_assert_int_eq(finish(key), SMX_OK);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_ENOTFOUND);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	ck_assert_uint_eq(all_kept().count[3], 0);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.net_missed, 1);
}
END_TEST

START_TEST(slices_stay_below_their_size)
{
	struct smx_store_stats stats;
	struct had had;

	store_teardown();
	net_open_world(HOUR, 40000);
	for (unsigned n = 0; n < 10; n++) {
		struct smx_key key = world_key(1, n);

		ck_assert_int_eq(world_store(&world, "mx1", key, 9000, n),
		    SMX_OK);
		ck_assert_int_eq(finish(key), SMX_OK);
		had = all_kept();
	}
	had = all_kept();
	world_stats(&world, &stats);
	ck_assert_uint_le(stats.net_bytes, 40000);
	ck_assert_uint_eq(had.count[9], 1);
	ck_assert_uint_eq(had.count[0], 0);
}
END_TEST

START_TEST(without_a_net_nothing_is_left_of_one)
{
	struct smx_key key = world_key(1, 3);
	struct smx_store_stats stats;
	struct had had;

	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 3), SMX_OK);
	ck_assert_int_eq(finish(key), SMX_OK);
	world.options.net_keep_ms = 0;
	world_reopen(&world);
	ck_assert_uint_eq(world_bodies(&world, 0), 0);
	ck_assert_int_eq(world.store.ops->kept(world.store.ctx, 0, INT64_MAX,
			     have, &had),
	    SMX_ESTATE);
	world.options.net_keep_ms = HOUR;
	world_reopen(&world);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.net_slices, 0);
	ck_assert_uint_eq(stats.net_waiting, 0);
	ck_assert_uint_eq(all_kept().count[3], 0);
}
END_TEST

/* What was flipped in the store before it was moved is found when it is. */
START_TEST(damaged_content_goes_nowhere)
{
	struct smx_key key = world_key(1, 3);
	char path[128];
	struct db *db = NULL;

	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 3), SMX_OK);
	smx_store_close(&world.store);
	snprintf(path, sizeof(path), "%s/shadows.db", world.path);
	ck_assert_int_eq(db_open_writer(&db, path), SMX_OK);
	ck_assert_int_eq(db_exec(db, "UPDATE content SET body = zeroblob(100)"),
	    SMX_OK);
	db_close(&db);
	world_reopen(&world);
	ck_assert_int_eq(finish(key), SMX_OK);
	ck_assert_uint_eq(all_kept().count[3], 0);
	key = world_key(1, 4);
	ck_assert_int_eq(world_store(&world, "mx1", key, 100, 4), SMX_OK);
	ck_assert_int_eq(finish(key), SMX_OK);
	ck_assert_uint_eq(all_kept().count[4], 1);
}
END_TEST

/* ---- what is meant ---- */

static struct smx_envelope *
envelope_of(const char *sender)
{
	const char *params[] = { "NOTIFY=SUCCESS", "ORCPT=rfc822;x@d" };
	struct smx_envelope *e;

	ck_assert_int_eq(smx_envelope_new(&e, 10), SMX_OK);
	ck_assert_int_eq(smx_envelope_set(e, SMX_FIELD_HELO, "h"), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(e, sender, NULL, 0), SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "<One@Example.com>", params, 2),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "<two@example.com>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_rcpt(e, "<one@sub.example.com>",
			     params + 1, 1),
	    SMX_OK);
	return e;
}

static const char *
marks(const char *recipient, char out[4])
{
	struct smx_envelope *e = envelope_of("<s@x.org>");
	struct netselect s = { .until_ms = INT64_MAX };

	snprintf(s.recipient, sizeof(s.recipient), "%s", recipient);
	(void)netselect_recipients(&s, e, out);
	smx_envelope_free(&e);
	return out;
}

START_TEST(recipients_are_meant_one_by_one)
{
	char out[4];

	ck_assert_str_eq(marks("", out), "ooo");
	ck_assert_str_eq(marks("one@example.COM", out), "ohh");
	ck_assert_str_eq(marks("<two@example.com>", out), "hoh");
	ck_assert_str_eq(marks("@example.com", out), "ooh");
	ck_assert_str_eq(marks("@com", out), "hhh");
}
END_TEST

START_TEST(senders_may_be_nobody)
{
	struct netselect s = { .sender = "<>" };

	ck_assert(netselect_sender(&s, "<>"));
	ck_assert(!netselect_sender(&s, "<a@b>"));
	snprintf(s.sender, sizeof(s.sender), "A@b");
	ck_assert(netselect_sender(&s, "<a@B>"));
	ck_assert(!netselect_sender(&s, "<>"));
}
END_TEST

static const char *
id_in(const char *head)
{
	static char out[64];

	netselect_find_id(head, strlen(head), out, sizeof(out));
	return out;
}

START_TEST(message_ids_are_found_in_the_header_alone)
{
	struct netselect s = { .message_id = "<a@b>" };

	ck_assert_str_eq(id_in("A: 1\r\nmessage-id: <a@b>\r\n\r\n"), "a@b");
	ck_assert_str_eq(id_in("Message-ID:\r\n <a@b>\r\nX: y\r\n"), "a@b");
	ck_assert_str_eq(id_in("A: 1\r\n Message-ID: <c@d>\r\n\r\n"), "");
	ck_assert_str_eq(id_in("A: 1\r\n\r\nMessage-ID: <c@d>\r\n"), "");
	ck_assert_str_eq(id_in(""), "");
	ck_assert(netselect_message_id(&s, "a@b"));
	ck_assert(!netselect_message_id(&s, "A@b"));
	ck_assert(!netselect_message_id(&s, ""));
}
END_TEST

static int
alive(void *ctx, const char *name, size_t len)
{
	return strlen(ctx) == len && memcmp(ctx, name, len) == 0;
}

static int
ours(const char *holders, const char *living)
{
	char name[16];

	snprintf(name, sizeof(name), "%s", living);
	return netselect_is_ours(holders, "me", alive, name);
}

START_TEST(the_first_that_lives_replays)
{
	ck_assert(ours("", "b"));
	ck_assert(ours("me b", "b"));
	ck_assert(!ours("b me", "b"));
	ck_assert(ours("b me c", "c"));
	ck_assert(!ours("b c", "c"));
	ck_assert(ours("b c", ""));
}
END_TEST

START_TEST(nobody_is_to_be_notified)
{
	struct smx_envelope *e = envelope_of("<s@x.org>"), *q = NULL;
	const char *const *params;

	ck_assert_int_eq(netselect_quiet(e, &q), SMX_OK);
	ck_assert_uint_eq(smx_envelope_recipients(q), 3);
	ck_assert_str_eq(smx_envelope_get(q, SMX_FIELD_HELO), "h");
	ck_assert_uint_eq(smx_envelope_rcpt_params(q, 0, &params), 2);
	ck_assert_str_eq(params[0], "ORCPT=rfc822;x@d");
	ck_assert_str_eq(params[1], "NOTIFY=NEVER");
	ck_assert_uint_eq(smx_envelope_rcpt_params(q, 1, &params), 1);
	ck_assert_str_eq(params[0], "NOTIFY=NEVER");
	ck_assert_uint_eq(smx_envelope_rcpt_params(q, 2, &params), 2);
	smx_envelope_free(&e);
	smx_envelope_free(&q);
}
END_TEST

static TCase *
slices(void)
{
	TCase *tc = tcase_create("slices");

	tcase_add_checked_fixture(tc, slice_setup, slice_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_added_comes_back);
	tcase_add_test(tc, a_name_that_is_taken_is_not_written_to);
	tcase_add_test(tc, a_torn_end_ends_the_slice);
	tcase_add_test(tc, a_flipped_bit_costs_one_record);
	return tc;
}

static TCase *
stores(void)
{
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, store_setup, store_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, what_is_finished_is_gone_and_kept, 0, 2);
	tcase_add_test(tc, what_is_dropped_is_not_kept);
	tcase_add_test(tc, who_was_served_before_is_kept_too);
	tcase_add_test(tc, what_is_too_much_is_dropped_as_ever);
	tcase_add_test(tc, slices_stay_below_their_size);
	tcase_add_test(tc, without_a_net_nothing_is_left_of_one);
	tcase_add_test(tc, damaged_content_goes_nowhere);
	return tc;
}

int
main(void)
{
	Suite *s = suite_create("net");
	TCase *tc = tcase_create("meant");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, a_slice_goes_when_all_of_it_is_old);
	tcase_add_test(tc, the_oldest_goes_when_there_is_too_much);
	tcase_add_test(tc, no_more_waits_than_may);
	tcase_add_test(tc, a_slice_is_current_for_its_time);
	tcase_add_test(tc, recipients_are_meant_one_by_one);
	tcase_add_test(tc, senders_may_be_nobody);
	tcase_add_test(tc, message_ids_are_found_in_the_header_alone);
	tcase_add_test(tc, the_first_that_lives_replays);
	tcase_add_test(tc, nobody_is_to_be_notified);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, slices());
	suite_add_tcase(s, stores());
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
