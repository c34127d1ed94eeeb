/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/db_sqlite.h"
#include "io/fsutil.h"
#include "io/store_tombs.h"
#include "store_world.h"

/* What only a store on a disk can promise. */
static struct world world;

static void
setup(void)
{
	umask(0);
	world_open(&world, WORLD_SQLITE);
}

static void
teardown(void)
{
	smx_store_close(&world.store);
	umount2(world.folder, MNT_DETACH);
	world_close(&world);
}

static void
path_of(char *out, size_t size, const char *name)
{
	ck_assert_int_lt(snprintf(out, size, "%s/%s", world.path, name),
	    (int)size);
}

/* The only body file there is. */
static void
body_path(char *out, size_t size)
{
	char folder[128];
	struct dirent *entry;
	DIR *dir;

	path_of(folder, sizeof(folder), "bodies");
	dir = opendir(folder);
	ck_assert_ptr_nonnull(dir);
	out[0] = '\0';
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' &&
		    strcmp(entry->d_name, "reserve") != 0)
			snprintf(out, size, "%s/%s", folder, entry->d_name);
	closedir(dir);
	ck_assert_str_ne(out, "");
}

START_TEST(second_opener_is_told_who_has_it)
{
	struct smx_store other;
	char why[200] = "", pid[32];

	ck_assert_int_eq(smx_store_open_sqlite(&other, &world.options, why,
			     sizeof(why)),
	    SMX_EBUSY);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	ck_assert_msg(strstr(why, pid) != NULL, "%s", why);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 10, 1),
	    SMX_OK);
}
END_TEST

/* What is written to a file that nobody will find is not kept. */
START_TEST(store_that_was_replaced_keeps_nothing)
{
	char path[256], aside[300];
	int64_t until = clock_mono_ms() + 20000;

	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 10, 1),
	    SMX_OK);
	snprintf(path, sizeof(path), "%s%s", world.options.path,
	    _i == 0 ? "" : "/shadows.db");
	snprintf(aside, sizeof(aside), "%s.aside", world.options.path);
	ck_assert_int_eq(rename(path, aside), 0);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 2), 10, 1),
	    SMX_EIO);
	ck_assert(world.store.ops->failed(world.store.ctx));
	ck_assert_int_eq(rename(aside, path), 0);
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, world_key(1, 1), 10, 1), SMX_OK);
	/* And without anybody who writes. */
	ck_assert_int_eq(rename(path, aside), 0);
	while (!world.store.ops->failed(world.store.ctx) &&
	       clock_mono_ms() < until)
		usleep(20000);
	ck_assert(world.store.ops->failed(world.store.ctx));
	ck_assert_int_eq(rename(aside, path), 0);
}
END_TEST

START_TEST(all_is_there_after_a_restart)
{
	struct smx_key small = world_key(1, 1), large = world_key(1, 2);
	struct smx_row_change change = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED,
		.now_ms = 5,
		.next_try_ms = 6,
		.rcpt_states = "or" };
	struct smx_store_stats stats;
	struct smx_row row;
	char value[8], *text, *states;
	size_t len;

	ck_assert_int_eq(world_store(&world, "mx1", small, 100, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", large, 9000, 2), SMX_OK);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &small,
			     &change),
	    SMX_OK);
	ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, 3)), SMX_OK);
	ck_assert_int_eq(world.store.ops->meta_set(world.store.ctx, "a", "b"),
	    SMX_OK);
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, small, 100, 1), SMX_OK);
	ck_assert_int_eq(world_check(&world, large, 9000, 2), SMX_OK);
	ck_assert_int_eq(world_get(&world, small, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_CLAIMED);
	ck_assert_int_eq(row.state_ms, 5);
	ck_assert_int_eq(world.store.ops->envelope(world.store.ctx, &small,
			     &text, &len, &states),
	    SMX_OK);
	ck_assert_str_eq(states, "or");
	free(text);
	free(states);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 3), 1, 1),
	    SMX_EGONE);
	ck_assert_int_eq(world.store.ops->meta_get(world.store.ctx, "a", value,
			     sizeof(value)),
	    SMX_OK);
	ck_assert_str_eq(value, "b");
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 9100);
	ck_assert_uint_eq(stats.rows[SMX_ROW_SHADOW], 1);
	ck_assert_uint_eq(stats.rows[SMX_ROW_CLAIMED], 1);
	/* and what is there counts against the quota */
	world.options.quota_bytes = 9300;
	world_reopen(&world);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 4), 200, 1),
	    SMX_EFULL);
}
END_TEST

static void
check_modes(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct stat st;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, "..") == 0)
			continue;
		ck_assert_int_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		ck_assert_msg((st.st_mode & 0777) ==
				  (S_ISDIR(st.st_mode) ? 0700u : 0600u),
		    "%s/%s has mode %o", folder, entry->d_name,
		    (unsigned)st.st_mode);
	}
	closedir(dir);
}

/* setup() has taken the umask away. */
START_TEST(nobody_else_can_read_anything)
{
	char bodies[128];

	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 1), 9000, 1),
	    SMX_OK);
	path_of(bodies, sizeof(bodies), "bodies");
	check_modes(world.path);
	check_modes(bodies);
}
END_TEST

START_TEST(folder_that_others_may_change_is_refused)
{
	char why[200] = "";

	smx_store_close(&world.store);
	ck_assert_int_eq(chmod(world.path, 0777), 0);
	ck_assert_int_eq(smx_store_open_sqlite(&world.store, &world.options,
			     why, sizeof(why)),
	    SMX_EPERM);
	ck_assert_int_eq(chmod(world.path, 0755), 0);
	ck_assert_int_eq(chmod(world.folder, 0777), 0);
	ck_assert_int_eq(smx_store_open_sqlite(&world.store, &world.options,
			     why, sizeof(why)),
	    SMX_EPERM);
	ck_assert_int_eq(chmod(world.folder, 0755), 0);
	world_reopen(&world);
	check_modes(world.path);
}
END_TEST

START_TEST(link_in_place_of_the_folder_is_refused)
{
	char aside[128], why[200];

	smx_store_close(&world.store);
	snprintf(aside, sizeof(aside), "%s.aside", world.path);
	ck_assert_int_eq(rename(world.path, aside), 0);
	ck_assert_int_eq(symlink(aside, world.path), 0);
	ck_assert_int_eq(smx_store_open_sqlite(&world.store, &world.options,
			     why, sizeof(why)),
	    SMX_EIO);
	ck_assert_int_eq(unlink(world.path), 0);
	ck_assert_int_eq(rename(aside, world.path), 0);
	world_reopen(&world);
}
END_TEST

START_TEST(store_of_a_later_version_is_left_alone)
{
	struct db *db = NULL;
	char path[128], why[200] = "";

	smx_store_close(&world.store);
	path_of(path, sizeof(path), "shadows.db");
	ck_assert_int_eq(db_open_writer(&db, path), SMX_OK);
	ck_assert_int_eq(db_exec(db, "PRAGMA user_version=5"), SMX_OK);
	db_close(&db);
	ck_assert_int_eq(smx_store_open_sqlite(&world.store, &world.options,
			     why, sizeof(why)),
	    SMX_ECONFIG);
	ck_assert_msg(strstr(why, "later version") != NULL, "%s", why);
}
END_TEST

enum { MISSING, SHORT, LONG, FLIPPED, HARMS };

static void
harm(const char *path, int how)
{
	char octet;
	int fd = open(path, O_RDWR);

	ck_assert_int_ge(fd, 0);
	if (how == MISSING)
		ck_assert_int_eq(unlink(path), 0);
	if (how == SHORT)
		ck_assert_int_eq(ftruncate(fd, 8999), 0);
	if (how == LONG)
		ck_assert_int_eq(ftruncate(fd, 9001), 0);
	if (how == FLIPPED) {
		ck_assert_int_eq(pread(fd, &octet, 1, 4500), 1);
		octet ^= 0x10;
		ck_assert_int_eq(pwrite(fd, &octet, 1, 4500), 1);
	}
	close(fd);
}

START_TEST(damaged_body_is_told_and_mended_by_a_new_copy)
{
	struct smx_key key = world_key(1, 1);
	struct smx_row_change claim = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED,
		.attempts = 2 };
	struct smx_store_stats stats;
	struct smx_row row;
	char path[512];

	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_OK);
	ck_assert_int_eq(world.store.ops->mark(world.store.ctx, &key, &claim),
	    SMX_OK);
	body_path(path, sizeof(path));
	harm(path, _i);
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, key, 9000, 1), SMX_ECORRUPT);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	/* other bytes do not mend it, the same ones do */
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 2),
	    SMX_ECONFLICT);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_OK);
	ck_assert_int_eq(world_check(&world, key, 9000, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_EEXIST);
	ck_assert_uint_eq(world_bodies(&world, 1), 1);
	ck_assert_int_eq(world_get(&world, key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_CLAIMED);
	ck_assert_uint_eq(row.attempts, 2);
	world_stats(&world, &stats);
	ck_assert_uint_eq(stats.bytes, 9000);
	ck_assert_uint_eq(stats.rows[SMX_ROW_CLAIMED], 1);
	ck_assert_int_eq(world.store.ops->failed(world.store.ctx), 0);
}
END_TEST

START_TEST(files_without_a_row_are_swept)
{
	static const char *const names[] = { "rubbish",
		"00000000000000000000000000000001-0000000000000001."
		"0123456789abcdef" };
	struct smx_key key = world_key(0x0101, 1);
	char path[512];

	ck_assert_int_eq(world_store(&world, "mx1", key, 9000, 1), SMX_OK);
	for (size_t i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/bodies/%s", world.path,
		    names[i]);
		fd = open(path, O_CREAT | O_WRONLY, 0600);
		ck_assert_int_ge(fd, 0);
		close(fd);
	}
	ck_assert_uint_eq(world_bodies(&world, 3), 3);
	world_reopen(&world);
	ck_assert_uint_eq(world_bodies(&world, 1), 1);
	ck_assert_int_eq(world_check(&world, key, 9000, 1), SMX_OK);
}
END_TEST

#define ROWS  30
#define FLIPS 150

static char *
load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *bytes = malloc(1 << 22);

	ck_assert_ptr_nonnull(file);
	*size = fread(bytes, 1, 1 << 22, file);
	fclose(file);
	return bytes;
}

static void
save(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

/* Whatever comes back with SMX_OK is right. */
static unsigned
check_nothing_wrong(void)
{
	unsigned troubles = 0;

	for (unsigned n = 0; n < ROWS; n++) {
		struct smx_key key = world_key(1, n);
		struct smx_shadow_head head = world_head("mx1", key, 0);
		struct smx_content content;
		char *text, *states;
		size_t len;

		if (world.store.ops->open(world.store.ctx, &key, &content) ==
		    SMX_OK) {
			world.store.ops->close_content(world.store.ctx,
			    &content);
			ck_assert_int_eq(world_check(&world, key, 100 + n * 70,
					     n),
			    SMX_OK);
		} else {
			troubles++;
		}
		if (world.store.ops->envelope(world.store.ctx, &key, &text,
			&len, &states) != SMX_OK) {
			troubles++;
			continue;
		}
		ck_assert_uint_eq(len, head.envelope_len);
		ck_assert_mem_eq(text, head.envelope, len);
		free(text);
		free(states);
	}
	return troubles;
}

START_TEST(flipped_bit_is_never_delivered)
{
	unsigned seen = 0;
	char path[128], why[200], *bytes;
	size_t size;

	for (unsigned n = 0; n < ROWS; n++)
		ck_assert_int_eq(world_store(&world, "mx1", world_key(1, n),
				     100 + n * 70, n),
		    SMX_OK);
	smx_store_close(&world.store);
	path_of(path, sizeof(path), "shadows.db");
	bytes = load(path, &size);
	srand(11);
	for (unsigned n = 0; n < FLIPS; n++) {
		size_t at = (size_t)rand() % size;
		char bit = (char)(1 << rand() % 8);

		bytes[at] ^= bit;
		save(path, bytes, size);
		if (smx_store_open_sqlite(&world.store, &world.options, why,
			sizeof(why)) == SMX_OK)
			seen += check_nothing_wrong();
		else
			seen++;
		smx_store_close(&world.store);
		bytes[at] ^= bit;
	}
	/* Most of the file is mail, so most flips must have been seen. */
	ck_assert_uint_ge(seen, FLIPS / 2);
	save(path, bytes, size);
	free(bytes);
	world_reopen(&world);
	ck_assert_uint_eq(check_nothing_wrong(), 0);
}
END_TEST

/* ---- a full disk ---- */

static int
mount_small(void)
{
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", world.folder, "tmpfs", 0, "size=64m,mode=0755") !=
		0) {
		fprintf(stderr, "# not allowed to mount: skipped\n");
		return 0;
	}
	return 1;
}

static unsigned
fill(size_t size, unsigned from)
{
	unsigned n = from;
	int result;

	while ((result = world_store(&world, "mx1", world_key(1, n), size,
		    n)) == SMX_OK)
		n++;
	ck_assert_int_eq(result, SMX_EFULL);
	return n;
}

static void
fill_the_rest(void)
{
	char path[128];
	static char block[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", world.folder);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* _i is the size of the shadows: in rows, in files */
START_TEST(full_disk_refuses_new_ones_and_lets_old_ones_go)
{
	static const size_t sizes[] = { 30000, 100000 };
	unsigned stored;

	smx_store_close(&world.store);
	if (!mount_small())
		return;
	world.options.body_file_bytes = 65536;
	world_reopen(&world);
	stored = fill(sizes[_i], 0);
	ck_assert_uint_ge(stored, 50);
	fill_the_rest();
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 9999),
			     sizes[_i], 1),
	    SMX_EFULL);
	ck_assert_int_eq(world.store.ops->failed(world.store.ctx), 0);
	for (unsigned n = 0; n < stored; n++) {
		ck_assert_int_eq(world_check(&world, world_key(1, n), sizes[_i],
				     n),
		    SMX_OK);
		ck_assert_int_eq(world_drop(&world, "mx1", world_key(1, n)),
		    SMX_OK);
	}
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 0), sizes[_i],
			     0),
	    SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 20000),
			     sizes[_i], 0),
	    SMX_OK);
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, world_key(1, 20000), sizes[_i], 0),
	    SMX_OK);
	ck_assert_uint_eq(world_bodies(&world, (unsigned)_i), (unsigned)_i);
}
END_TEST

/* ---- tombstones ---- */

struct sink {
	unsigned forgotten, put;
	uint8_t last;
	int live;
};

static int
sink_forget(void *ctx, const char *primary, const uint8_t incarnation[16])
{
	struct sink *sink = ctx;

	(void)primary;
	sink->forgotten++;
	sink->last = incarnation[15];
	return SMX_OK;
}

static int
sink_remove(void *ctx, const char *primary, const uint8_t incarnation[16],
    uint64_t lo)
{
	(void)ctx;
	(void)primary;
	(void)incarnation;
	(void)lo;
	return SMX_OK;
}

static int
sink_put(void *ctx, const char *primary, const uint8_t incarnation[16],
    uint64_t lo, uint64_t hi, int64_t changed_ms)
{
	struct sink *sink = ctx;

	(void)primary;
	(void)incarnation;
	(void)changed_ms;
	ck_assert(lo <= hi);
	sink->put++;
	return SMX_OK;
}

static int
sink_live(void *ctx, const uint8_t incarnation[16], int *live)
{
	struct sink *sink = ctx;

	(void)incarnation;
	*live = sink->live;
	return SMX_OK;
}

static void
tombs_flush(struct tombs *tombs, struct sink *got)
{
	struct tombs_sink sink = { got, sink_forget, sink_remove, sink_put,
		sink_live };

	ck_assert_int_eq(tombs_save(tombs, &sink), SMX_OK);
	tombs_saved(tombs);
}

static void
bury(struct tombs *tombs, unsigned incarnation, uint64_t counter,
    int64_t now_ms)
{
	struct smx_key key = world_key(incarnation, counter);

	ck_assert_int_eq(tombs_add(tombs, "mx1", &key, now_ms), SMX_OK);
}

static int
buried(struct tombs *tombs, unsigned incarnation, uint64_t counter)
{
	struct smx_key key = world_key(incarnation, counter);

	return tombs_has(tombs, "mx1", &key);
}

START_TEST(restless_primary_keeps_its_latest_incarnations)
{
	struct tombs *tombs = NULL;
	struct sink got = { 0 };

	ck_assert_int_eq(tombs_new(&tombs), SMX_OK);
	for (unsigned n = 0; n < TOMBS_INCARNATIONS + 3; n++)
		bury(tombs, n, 7, 1000 + n);
	tombs_flush(tombs, &got);
	ck_assert_uint_eq(got.forgotten, 3);
	ck_assert_uint_eq(got.put, TOMBS_INCARNATIONS);
	ck_assert(!buried(tombs, 2, 7));
	ck_assert(buried(tombs, 3, 7));
	ck_assert(buried(tombs, TOMBS_INCARNATIONS + 2, 7));
	tombs_free(&tombs);
}
END_TEST

START_TEST(old_tombstones_go_unless_something_lives)
{
	struct tombs *tombs = NULL;
	struct sink got = { .live = 1 };
	struct tombs_sink sink = { &got, sink_forget, sink_remove, sink_put,
		sink_live };

	ck_assert_int_eq(tombs_new(&tombs), SMX_OK);
	bury(tombs, 1, 7, 1000);
	bury(tombs, 2, 7, 2000);
	tombs_flush(tombs, &got);
	ck_assert_int_eq(tombs_prune(tombs, 5000, &sink), SMX_OK);
	tombs_flush(tombs, &got);
	ck_assert(buried(tombs, 1, 7));
	got.live = 0;
	ck_assert_int_eq(tombs_prune(tombs, 1000, &sink), SMX_OK);
	ck_assert(buried(tombs, 1, 7));
	/* a clock far ahead leaves the latest */
	ck_assert_int_eq(tombs_prune(tombs, INT64_MAX, &sink), SMX_OK);
	tombs_flush(tombs, &got);
	ck_assert_uint_eq(got.forgotten, 1);
	ck_assert_uint_eq(got.last, 1);
	ck_assert(!buried(tombs, 1, 7));
	ck_assert(buried(tombs, 2, 7));
	tombs_free(&tombs);
}
END_TEST

START_TEST(floor_spares_what_is_kept)
{
	struct smx_key keys[500], kept = world_key(1, 1);
	size_t foreign, count = 0;

	ck_assert_int_eq(world_store(&world, "mx1", kept, 10, 1), SMX_OK);
	/* every other counter: more ranges than a set may have */
	for (uint64_t n = 0; n < 5000; n++) {
		keys[count++] = world_key(1, 100 + 2 * n);
		if (count < 500)
			continue;
		ck_assert_int_eq(world.store.ops->drop(world.store.ctx, "mx1",
				     keys, count, &foreign),
		    SMX_OK);
		count = 0;
	}
	world_reopen(&world);
	ck_assert_int_eq(world_check(&world, kept, 10, 1), SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", kept, 10, 1), SMX_EEXIST);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 101), 10, 1),
	    SMX_EGONE);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 10097), 10, 1),
	    SMX_OK);
	ck_assert_int_eq(world_store(&world, "mx1", world_key(1, 10098), 10, 1),
	    SMX_EGONE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store on disk");
	TCase *tc = tcase_create("disk");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, second_opener_is_told_who_has_it);
	tcase_add_loop_test(tc, store_that_was_replaced_keeps_nothing, 0, 2);
	tcase_add_test(tc, all_is_there_after_a_restart);
	tcase_add_test(tc, nobody_else_can_read_anything);
	tcase_add_test(tc, folder_that_others_may_change_is_refused);
	tcase_add_test(tc, link_in_place_of_the_folder_is_refused);
	tcase_add_test(tc, store_of_a_later_version_is_left_alone);
	tcase_add_loop_test(tc, damaged_body_is_told_and_mended_by_a_new_copy,
	    0, HARMS);
	tcase_add_test(tc, files_without_a_row_are_swept);
	tcase_add_test(tc, flipped_bit_is_never_delivered);
	tcase_add_loop_test(tc, full_disk_refuses_new_ones_and_lets_old_ones_go,
	    0, 2);
	tcase_add_test(tc, restless_primary_keeps_its_latest_incarnations);
	tcase_add_test(tc, old_tombstones_go_unless_something_lives);
	tcase_add_test(tc, floor_spares_what_is_kept);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
