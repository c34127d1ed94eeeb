/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/onecopy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/key.h"
#include "base/log.h"
#include "io/fsutil.h"

/* A line: KEY EPOCH MILLISECONDS QUEUEID [passed] */
#define FILE_NAME   "unprotected"
#define PASSED      " passed"
#define LINE_SIZE   256
#define ENTRIES_MAX 100000

struct onecopy {
	pthread_mutex_t lock;
	int fd;
	int filled;
};

int
onecopy_open(struct onecopy **out, const char *folder)
{
	struct onecopy *o = calloc(1, sizeof(*o));
	int dir = -1;
	int rc =
	    o == NULL ? SMX_ENOMEM : fs_open_folder(AT_FDCWD, folder, &dir);

	if (rc == SMX_OK)
		rc = fs_open_or_create(dir, FILE_NAME, &o->fd);
	fs_close(&dir);
	if (rc != SMX_OK) {
		free(o);
		return rc;
	}
	pthread_mutex_init(&o->lock, NULL);
	o->filled = 1;
	*out = o;
	return SMX_OK;
}

void
onecopy_close(struct onecopy **onecopy)
{
	struct onecopy *o = *onecopy;

	*onecopy = NULL;
	if (o == NULL)
		return;
	fs_close(&o->fd);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void
onecopy_add(struct onecopy *onecopy, const struct onecopy_entry *entry)
{
	char line[LINE_SIZE], key[SMX_KEY_TEXT], epoch[SMX_EPOCH_TEXT];
	int len;

	smx_key_format(&entry->key, key);
	smx_epoch_format(&entry->epoch, epoch);
	len = snprintf(line, sizeof(line), "%s %s %" PRId64 " %s%s\n", key,
	    epoch, entry->accepted_ms, entry->queue_id,
	    entry->passed ? PASSED : "");
	pthread_mutex_lock(&onecopy->lock);
	onecopy->filled = 1;
	if (lseek(onecopy->fd, 0, SEEK_END) < 0 ||
	    fs_write_all(onecopy->fd, line, (size_t)len) != SMX_OK)
		log_event(SMX_LOG_WARNING, "unprotected-not-kept", "%s", "");
	pthread_mutex_unlock(&onecopy->lock);
}

static int
parse(char *line, struct onecopy_entry *entry)
{
	char *epoch = strchr(line, ' ');
	char *when = epoch == NULL ? NULL : strchr(epoch + 1, ' ');
	char *id = when == NULL ? NULL : strchr(when + 1, ' ');
	char *word;
	uint64_t ms;

	if (id == NULL)
		return SMX_EINVAL;
	*epoch++ = *when++ = *id++ = '\0';
	id[strcspn(id, "\n")] = '\0';
	memset(entry, 0, sizeof(*entry));
	word = strchr(id, ' ');
	if (word != NULL) {
		entry->passed = strcmp(word, PASSED) == 0;
		*word = '\0';
	}
	if (smx_key_parse(line, strlen(line), &entry->key) != SMX_OK ||
	    smx_epoch_parse(epoch, strlen(epoch), &entry->epoch) != SMX_OK ||
	    number_parse(when, strlen(when), INT64_MAX, &ms) != SMX_OK ||
	    text_copy(entry->queue_id, sizeof(entry->queue_id), id))
		return SMX_EINVAL;
	entry->accepted_ms = (int64_t)ms;
	return SMX_OK;
}

void
onecopy_each(struct onecopy *onecopy,
    void (*each)(void *ctx, const struct onecopy_entry *entry), void *ctx)
{
	int fd = dup(onecopy->fd);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct onecopy_entry entry;
	char line[LINE_SIZE];
	size_t n = 0;

	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	rewind(file);
	while (n++ < ENTRIES_MAX && fgets(line, sizeof(line), file) != NULL)
		if (parse(line, &entry) == SMX_OK)
			each(ctx, &entry);
	fclose(file);
}

void
onecopy_clear(struct onecopy *onecopy, int (*still)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&onecopy->lock);
	if (onecopy->filled && still(ctx) && ftruncate(onecopy->fd, 0) == 0)
		onecopy->filled = 0;
	pthread_mutex_unlock(&onecopy->lock);
}
