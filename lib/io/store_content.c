/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_content.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/digest.h"
#include "io/fsutil.h"

struct stored {
	uint64_t size;
	int fd;        /* -1: in memory */
	uint8_t *body; /* NULL: in the file */
};

static int
stored_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct stored *stored = ctx;

	if (offset > stored->size || len > stored->size - offset)
		return SMX_EINVAL;
	if (stored->fd >= 0)
		return fs_read_at(stored->fd, offset, buf, len);
	memcpy(buf, stored->body + offset, len);
	return SMX_OK;
}

static void
stored_free(struct stored *stored)
{
	fs_close(&stored->fd);
	free(stored->body);
	free(stored);
}

static int
stored_find(struct stored *stored, struct view *view, struct bodies *bodies,
    const struct smx_key *key, struct row_found *found)
{
	size_t len = 0;
	int result = view_body(view, key, found, &stored->body, &len);

	if (result != SMX_OK)
		return result;
	if (found->row.state == SMX_ROW_DONE)
		return SMX_ENOTFOUND;
	stored->size = found->row.size;
	if (found->file[0] == '\0')
		return len == stored->size ? SMX_OK : SMX_ECORRUPT;
	return body_open(bodies, found->file, stored->size, &stored->fd);
}

static int
stored_check(const struct smx_content *content, const struct smx_row *row)
{
	uint8_t digest[SMX_DIGEST_BYTES];
	int result = digest_content(content, digest);

	if (result != SMX_OK)
		return result;
	return memcmp(digest, row->digest, sizeof(digest)) == 0 ? SMX_OK
								: SMX_ECORRUPT;
}

static void
stored_log(const struct row_found *found, int result)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, found->row.queue_id, "content_damaged");
	log_key(&l, "key", &found->row.key);
	log_str(&l, "primary", found->row.primary);
	log_err(&l, "result", result);
	log_end(&l);
}

int
stored_open(struct view *view, struct bodies *bodies, const struct smx_key *key,
    struct smx_content *content)
{
	struct stored *stored = calloc(1, sizeof(*stored));
	struct smx_content opened = { stored, 0, NULL, stored_read };
	struct row_found found = { .row.key = *key };
	int result;

	if (stored == NULL)
		return SMX_ENOMEM;
	stored->fd = -1;
	result = stored_find(stored, view, bodies, key, &found);
	if (result == SMX_OK) {
		opened.size = stored->size;
		opened.bytes = stored->body;
		result = stored_check(&opened, &found.row);
	}
	if (result == SMX_ECORRUPT)
		stored_log(&found, result);
	if (result != SMX_OK)
		stored_free(stored);
	else
		*content = opened;
	return result;
}

void
stored_close(struct smx_content *content)
{
	if (content->ctx != NULL)
		stored_free(content->ctx);
	memset(content, 0, sizeof(*content));
}
