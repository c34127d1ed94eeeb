/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/log.h>
#include <shadowmx/store.h>

/*
 * store_damage FOLDER FLIPS CUTS SEED
 *
 * A small store, as an orderly end and as a stop leave it, is harmed in one
 * place: a flipped bit, or a file cut at a byte.  Each time another process
 * opens it, waits until it has verified itself, and compares everything with
 * what was once stored.  Broken are:
 *
 *	wrong       something came back that was never stored
 *	silent      something is missing or damaged, and no word of it
 *	vouched     it would be listed as held, and cannot be handed out
 *	stuck       a copy that is sent again does not mend it
 *	unreadable  a row that was not harmed cannot be read
 *	crashed     the process ended by a signal, or hung
 *
 * A store that is refused at the opening has to say why.
 */
#define ROWS      24
#define BODY_FILE 4096
#define FILES_MAX 32
#define LIMIT_S   60

enum outcome {
	FINE = 0,
	REPORTED = 10,
	REFUSED,
	WRONG,
	SILENT,
	VOUCHED,
	STUCK,
	UNREADABLE,
	CRASHED,
	OUTCOMES
};

static const char *const names[OUTCOMES] = { [FINE] = "unharmed",
	[REPORTED] = "reported",
	[REFUSED] = "refused",
	[WRONG] = "wrong",
	[SILENT] = "silent",
	[VOUCHED] = "vouched",
	[STUCK] = "stuck",
	[UNREADABLE] = "unreadable",
	[CRASHED] = "crashed" };

static struct smx_store store;
static char folder[256];
static atomic_int reports, verified;
static int loud;
static char words[8192];

/* ---- what is stored ---- */

static struct smx_key
key_of(unsigned n)
{
	struct smx_key key = { .incarnation = "damage", .counter = n };

	return key;
}

static size_t
size_of(unsigned n)
{
	return n % 6 == 5 ? BODY_FILE + 1 + n : 40 + n * 97;
}

static const char *
holders_of(unsigned n)
{
	return n % 3 == 1 ? "mx2 mx3" : "";
}

/* malloc'ed; harm is likely to hit what has many bits of both kinds. */
static char *
bytes_of(unsigned n)
{
	uint32_t x = n * 2654435761u + 1;
	char *bytes = malloc(size_of(n) + 1);

	for (size_t i = 0; bytes != NULL && i < size_of(n); i++) {
		x = x * 1664525u + 1013904223u;
		bytes[i] = (char)(x >> 24);
	}
	return bytes;
}

static void
envelope_of(unsigned n, int amended, char out[128])
{
	snprintf(out, 128, "MAIL <s%u@a.example>\r\nRCPT <r%u@%s.example>\r\n",
	    n, n, amended ? "amended" : "b");
}

static int
put(unsigned n, const char *primary)
{
	char envelope[128], *bytes = bytes_of(n);
	struct smx_shadow_head head = { .key = key_of(n),
		.primary = primary,
		.queue_id = "4jXKs0",
		.epoch = { .id = { 1, 2, 3 }, .counter = 7 },
		.envelope = envelope,
		.recipients = 1,
		.size = size_of(n),
		.now_ms = 1000 + n };
	struct smx_draft *draft = NULL;
	int result;

	envelope_of(n, 0, envelope);
	head.envelope_len = strlen(envelope);
	result = store.ops->begin(store.ctx, &head, &draft);
	if (result == SMX_OK)
		result = store.ops->write(store.ctx, draft, bytes, size_of(n));
	if (draft != NULL) {
		int committed = store.ops->commit(store.ctx, &draft);

		result = result == SMX_OK ? committed : result;
	}
	free(bytes);
	return result;
}

static int
amend(unsigned n)
{
	char envelope[128];
	struct smx_row_amendment m = { .key = key_of(n),
		.version = 5,
		.envelope = envelope,
		.recipients = 1,
		.holders = holders_of(n),
		.held = -1 };
	size_t foreign;

	envelope_of(n, 1, envelope);
	m.envelope_len = strlen(envelope);
	return store.ops->amend(store.ctx, "mx1", &m, 1, &foreign);
}

static int
claim(unsigned n)
{
	struct smx_row_change change = { .from = SMX_ROW_SHADOW,
		.to = SMX_ROW_CLAIMED,
		.now_ms = 9000,
		.rcpt_states = "o" };
	struct smx_key key = key_of(n);

	return store.ops->mark(store.ctx, &key, &change);
}

static enum smx_row_state
state_of(unsigned n)
{
	return n % 8 == 7 ? SMX_ROW_CLAIMED : SMX_ROW_SHADOW;
}

static int
open_store(char *why, size_t size)
{
	struct smx_store_options options = { .path = folder,
		.body_file_bytes = BODY_FILE,
		.tombstone_ms = (int64_t)86400 * 1000 };

	return smx_store_open_sqlite(&store, &options, why, size);
}

static int
fill(unsigned from, unsigned to)
{
	int result = SMX_OK;

	for (unsigned n = from; result == SMX_OK && n < to; n++) {
		result = put(n, "mx1");
		if (result == SMX_OK && n % 3 == 1)
			result = amend(n);
		if (result == SMX_OK && state_of(n) == SMX_ROW_CLAIMED)
			result = claim(n);
	}
	return result;
}

/* stopped: half of it is in the log only, as after a stop. */
static int
make(int stopped)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char why[256] = "";
		int result = open_store(why, sizeof(why));

		if (result == SMX_OK)
			result = fill(0, ROWS / 2);
		if (result == SMX_OK)
			smx_store_close(&store);
		if (result == SMX_OK)
			result = open_store(why, sizeof(why));
		if (result == SMX_OK)
			result = fill(ROWS / 2, ROWS);
		if (result == SMX_OK && !stopped)
			smx_store_close(&store);
		if (result != SMX_OK)
			printf("make: %s %s\n", smx_errname(result), why);
		fflush(stdout);
		_exit(result == SMX_OK ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* ---- its files, kept in memory ---- */

struct file {
	char name[200];
	char *bytes;
	size_t size;
};

static struct file file[FILES_MAX];
static size_t files;

static int
is_spared(const char *name)
{
	return name[0] == '.' || strcmp(name, "bodies") == 0 ||
	       strcmp(name, "reserve") == 0 || strcmp(name, "lock") == 0 ||
	       strstr(name, "-shm") != NULL;
}

static void
path_of(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s/%s", folder, name);
}

static void
load(const char *name)
{
	struct file *f = &file[files++];
	char path[512];
	struct stat st;
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || files > FILES_MAX - 1 || fstat(fd, &st) != 0)
		exit(2);
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->size = (size_t)st.st_size;
	f->bytes = malloc(f->size + 1);
	if (f->bytes == NULL || read(fd, f->bytes, f->size) != (ssize_t)f->size)
		exit(2);
	close(fd);
}

static void
each_file(const char *below, void (*what)(const char *))
{
	char path[512], name[300];
	struct dirent *entry;
	DIR *dir;

	path_of(path, sizeof(path), below);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(name, sizeof(name), "%s%s%s", below,
		    below[0] == '\0' ? "" : "/", entry->d_name);
		if (!is_spared(entry->d_name))
			what(name);
	}
	if (dir != NULL)
		closedir(dir);
}

static void
take_away(const char *name)
{
	char path[512];

	path_of(path, sizeof(path), name);
	(void)!unlink(path);
}

static void
load_all(void)
{
	while (files > 0)
		free(file[--files].bytes);
	each_file("", load);
	each_file("bodies", load);
}

static void
save(const struct file *f, size_t size)
{
	char path[512];
	int fd;

	path_of(path, sizeof(path), f->name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, f->bytes, size) != (ssize_t)size)
		exit(2);
	close(fd);
}

static void
restore(void)
{
	each_file("", take_away);
	each_file("bodies", take_away);
	take_away("shadows.db-shm");
	for (size_t i = 0; i < files; i++)
		save(&file[i], file[i].size);
}

/* ---- what a harmed one says ---- */

static void
sink(void *ctx, enum smx_level level, const char *line)
{
	size_t len = strlen(words);

	(void)ctx;
	if (strstr(line, "event=store_verified") != NULL ||
	    strstr(line, "event=store_unverified") != NULL)
		atomic_store(&verified, 1);
	if (level == SMX_LOG_ERR)
		atomic_fetch_add(&reports, 1);
	snprintf(words + len, sizeof(words) - len, "    %s\n", line);
}

static int fault(enum outcome outcome, const char *fmt, ...) SMX_PRINTF(2, 3);

static int
fault(enum outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("  %s: ", names[outcome]);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	return (int)outcome;
}

/* SMX_OK: these bytes, this envelope.  1: others. */
static int
look(unsigned n)
{
	struct smx_key key = key_of(n);
	char envelope[128], *bytes, *back, *text = NULL;
	struct smx_content content;
	size_t len = 0;
	int same, result = store.ops->open(store.ctx, &key, &content);

	if (result != SMX_OK)
		return result;
	bytes = bytes_of(n);
	back = malloc(size_of(n) + 1);
	same = content.size == size_of(n) &&
	       content.read(content.ctx, 0, back, size_of(n)) == SMX_OK &&
	       memcmp(bytes, back, size_of(n)) == 0;
	store.ops->close_content(store.ctx, &content);
	free(bytes);
	free(back);
	result = store.ops->envelope(store.ctx, &key, &text, &len, NULL);
	if (same && result == SMX_OK) {
		same = 0;
		for (int amended = 0; amended < 2; amended++) {
			envelope_of(n, amended, envelope);
			same |= strlen(envelope) == len &&
				memcmp(envelope, text, len) == 0;
		}
	}
	free(text);
	return same ? result : 1;
}

struct listed {
	int there[ROWS];
	int vouched[ROWS];
	int odd; /* a row that is not as it was stored */
};

static int
note_row(void *ctx, const struct smx_row *row)
{
	struct listed *listed = ctx;
	unsigned n = (unsigned)row->key.counter;
	struct smx_key key = key_of(n);

	if (row->key.counter >= ROWS || smx_key_compare(&key, &row->key) != 0) {
		listed->odd |= !row->unsound;
		return 0;
	}
	listed->there[n] = 1;
	listed->vouched[n] = !row->unsound;
	if (row->unsound)
		return 0;
	listed->odd |= strcmp(row->primary, "mx1") != 0 ||
		       strcmp(row->queue_id, "4jXKs0") != 0 ||
		       row->size != size_of(n) || row->epoch.counter != 7 ||
		       row->recipients != 1;
	return 0;
}

static int
await_audit(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; !atomic_load(&verified); i++) {
		if (i == LIMIT_S * 1000)
			return fault(CRASHED, "never verified");
		nanosleep(&pause, NULL);
	}
	return FINE;
}

/* Those that are gone or damaged are sent again. */
static int
mend(const int *bad)
{
	for (unsigned n = 0; n < ROWS; n++) {
		int result;

		if (!bad[n])
			continue;
		result = put(n, "mx1");
		if (store.ops->failed(store.ctx))
			return FINE; /* it says so itself, and ends */
		/* A tombstone that grew refuses: "not held". */
		if (result == SMX_EGONE && bad[n] == -SMX_ENOTFOUND)
			continue;
		/* The tables are damaged: refused, and told above. */
		if (result == SMX_ECORRUPT || result == SMX_EIO)
			continue;
		if (result != SMX_OK && result != SMX_EEXIST)
			return fault(STUCK, "row %u: %s", n,
			    smx_errname(result));
		if (look(n) != SMX_OK)
			return fault(STUCK, "row %u, sent again", n);
	}
	return FINE;
}

static int
judge(int innocent)
{
	struct smx_store_filter all = { 0 };
	struct listed listed = { 0 };
	struct smx_store_stats stats = { 0 };
	int bad[ROWS] = { 0 }, harmed = 0, scanned, outcome;

	outcome = await_audit();
	if (outcome != FINE)
		return outcome;
	scanned = store.ops->scan(store.ctx, &all, note_row, &listed);
	for (unsigned n = 0; n < ROWS; n++) {
		int result = look(n);

		if (result == 1)
			return fault(WRONG, "row %u", n);
		bad[n] = -result;
		harmed += result != SMX_OK;
		if (result != SMX_OK && listed.vouched[n])
			return fault(VOUCHED, "row %u: %s", n,
			    smx_errname(result));
		if (scanned == SMX_OK && result == SMX_OK && !listed.there[n])
			harmed++;
	}
	if (store.ops->stats(store.ctx, &stats) != SMX_OK && !harmed)
		harmed = 1;
	if ((harmed || scanned != SMX_OK || listed.odd) &&
	    atomic_load(&reports) == 0)
		return fault(SILENT, "%d rows, scan %d, odd %d", harmed,
		    scanned, listed.odd);
	if (innocent && harmed > 1)
		return fault(UNREADABLE, "%d rows", harmed);
	outcome = mend(bad);
	if (outcome != FINE)
		return outcome;
	return harmed || atomic_load(&reports) != 0 ? REPORTED : FINE;
}

static void
one_process(int innocent)
{
	char why[256] = "";
	int result, outcome;

	alarm(LIMIT_S * 2);
	smx_log_set(sink, NULL, SMX_LOG_INFO);
	result = open_store(why, sizeof(why));
	if (result != SMX_OK)
		outcome = why[0] != '\0' ? REFUSED
					 : fault(SILENT, "refused: %s",
					       smx_errname(result));
	else
		outcome = judge(innocent);
	if (result == SMX_OK)
		smx_store_close(&store);
	if (outcome > REFUSED || loud)
		printf("%s%s%s", words, why, why[0] != '\0' ? "\n" : "");
	fflush(stdout);
	_exit(outcome);
}

static enum outcome
attempt(int innocent)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		one_process(innocent);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(2);
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= OUTCOMES ||
	    (WEXITSTATUS(status) != FINE && WEXITSTATUS(status) < REPORTED))
		return CRASHED;
	return (enum outcome)WEXITSTATUS(status);
}

/* ---- harm ---- */

static unsigned long counts[OUTCOMES];
static uint64_t seed;

static uint64_t
random_below(uint64_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % limit;
}

static int
is_body(const struct file *f)
{
	return strncmp(f->name, "bodies/", 7) == 0;
}

static void
count(enum outcome outcome, const char *how, const struct file *f, size_t at)
{
	counts[outcome]++;
	if (outcome > REFUSED || loud)
		printf("%s: %s %s at %zu\n", names[outcome], how, f->name, at);
}

static void
flip(void)
{
	size_t total = 0, at, i = 0;
	char bit;

	for (i = 0; i < files; i++)
		total += file[i].size;
	at = random_below(total);
	for (i = 0; at >= file[i].size; i++)
		at -= file[i].size;
	bit = (char)(1 << random_below(8));
	restore();
	file[i].bytes[at] ^= bit;
	save(&file[i], file[i].size);
	count(attempt(is_body(&file[i])), "flip", &file[i], at);
	file[i].bytes[at] ^= bit;
}

static void
cut(const struct file *f, size_t size)
{
	restore();
	save(f, size);
	count(attempt(is_body(f)), "cut", f, size);
}

static const struct file *
find(const char *text)
{
	for (size_t i = 0; i < files; i++)
		if (strstr(file[i].name, text) != NULL)
			return &file[i];
	return NULL;
}

/* Half of them in a body, the rest in the log and the database. */
static void
cuts(unsigned long n)
{
	static const char *const what[] = { "bodies/", "shadows.db-wal",
		"bodies/", "shadows.db" };

	for (unsigned long i = 0; i < n; i++) {
		const struct file *f = find(what[i % 4]);

		if (f == NULL)
			f = find("shadows.db");
		if (f->size != 0)
			cut(f, (size_t)((uint64_t)f->size * i / n));
	}
}

static int
report(void)
{
	unsigned long broken = 0, all = 0;

	for (int i = 0; i < OUTCOMES; i++) {
		if (names[i] == NULL)
			continue;
		printf("%s %lu%s", names[i], counts[i],
		    i == OUTCOMES - 1 ? "\n" : ", ");
		all += counts[i];
		broken += i > REFUSED ? counts[i] : 0;
	}
	printf("%lu passed, %lu failed\n", all - broken, broken);
	/* Harm that nobody ever notices was none. */
	return broken != 0 || counts[REPORTED] == 0;
}

int
main(int argc, char **argv)
{
	unsigned long n_flips, n_cuts;

	if (argc != 5) {
		fputs("usage: store_damage FOLDER FLIPS CUTS SEED\n", stderr);
		return 64;
	}
	snprintf(folder, sizeof(folder), "%s", argv[1]);
	n_flips = strtoul(argv[2], NULL, 10);
	n_cuts = strtoul(argv[3], NULL, 10);
	seed = strtoull(argv[4], NULL, 10) * 2 + 1;
	loud = getenv("LOUD") != NULL;
	for (int stopped = 0; stopped < 2; stopped++) {
		each_file("", take_away);
		each_file("bodies", take_away);
		if (!make(stopped))
			return 2;
		load_all();
		restore();
		if (attempt(0) != FINE) {
			puts("an unharmed store is no good");
			return 2;
		}
		for (unsigned long i = 0; i < n_flips / 2; i++)
			flip();
		cuts(n_cuts / 2);
	}
	return report();
}
