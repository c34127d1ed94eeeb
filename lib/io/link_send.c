/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_send.h"

#define QUEUE_BYTES 98304 /* then the kernel has to take some */

static int
content_write(struct smx_call *call)
{
	const struct smx_content *content = call->shadow->content;
	uint64_t left = content->size - call->content_sent;
	size_t n = left < SEND_RECORD ? (size_t)left : SEND_RECORD;
	char piece[SEND_RECORD];
	const char *from = piece;
	int error = SMX_OK;

	if (content->bytes != NULL)
		from = (const char *)content->bytes + call->content_sent;
	else
		error =
		    content->read(content->ctx, call->content_sent, piece, n);
	if (error == SMX_OK)
		error = tls_write(call->conn.tls, from, n);
	call->content_sent += n;
	return error;
}

static int
text_write(struct smx_call *call)
{
	size_t left = call->text.len - call->text_sent;
	size_t n = left < SEND_RECORD ? left : SEND_RECORD;
	int error =
	    tls_write(call->conn.tls, call->text.data + call->text_sent, n);

	call->text_sent += n;
	return error;
}

int
send_complete(const struct smx_call *call)
{
	return call->text_sent == call->text.len &&
	       (call->shadow == NULL ||
		   call->content_sent == call->shadow->content->size);
}

int
send_queue(struct smx_call *call)
{
	size_t queued;

	while (!send_complete(call)) {
		int error;

		tls_output(call->conn.tls, &queued);
		if (queued >= QUEUE_BYTES)
			break;
		error = call->text_sent < call->text.len ? text_write(call)
							 : content_write(call);
		if (error != SMX_OK)
			return error;
	}
	return SMX_OK;
}
