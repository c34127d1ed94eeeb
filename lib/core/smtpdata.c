/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smtpdata.h"

#include <string.h>

void
smtpdata_begin(struct smtpdata *data)
{
	memset(data, 0, sizeof(*data));
	data->start = 1;
}

void
smtpdata_begin_chunk(struct smtpdata *data)
{
	smtpdata_begin(data);
	data->chunk = 1;
}

static void
put(struct smtpdata *data, const void *bytes, size_t len, struct buf *out)
{
	data->bytes += len;
	if (out != NULL)
		(void)buf_add(out, bytes, len);
}

static void
line_end(struct smtpdata *data, struct buf *out)
{
	put(data, "\r\n", 2, out);
	data->cr = 0;
	data->start = 1;
}

/* How many bytes from in on need no care. */
static size_t
plain(struct smtpdata *data, const unsigned char *in, size_t len)
{
	size_t n = 0;

	while (n < len && in[n] != '\r' && in[n] != '\n') {
		data->eight |= in[n] & 0x80;
		n++;
	}
	return n;
}

int
smtpdata_add(struct smtpdata *data, const void *in, size_t len, struct buf *out)
{
	const unsigned char *p = in;
	size_t at = 0;

	while (at < len) {
		size_t n;

		if (data->cr || p[at] == '\n') {
			/* CR LF, CR alone or LF alone */
			at += p[at] == '\n';
			line_end(data, out);
			continue;
		}
		if (p[at] == '\r') {
			data->cr = 1;
			at++;
			continue;
		}
		if (data->start && p[at] == '.' && !data->chunk && out != NULL)
			(void)buf_add(out, ".", 1);
		data->start = 0;
		n = plain(data, p + at, len - at);
		put(data, p + at, n, out);
		at += n;
	}
	return out == NULL ? SMX_OK : buf_error(out);
}

int
smtpdata_end(struct smtpdata *data, struct buf *out)
{
	if (data->cr || !data->start)
		line_end(data, out);
	if (out == NULL)
		return SMX_OK;
	return data->chunk ? buf_error(out) : buf_add(out, ".\r\n", 3);
}
