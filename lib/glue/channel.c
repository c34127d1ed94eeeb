/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/key.h"

static int
put(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	do
		n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return SMX_OK;
	return errno == EAGAIN || errno == EWOULDBLOCK ? SMX_ETEMP
						       : SMX_ECLOSED;
}

int
channel_send(int fd, const char *word)
{
	return put(fd, word);
}

int
channel_send_result(int fd, const char *word, int result, const char *text)
{
	char packet[CHANNEL_MAX];

	snprintf(packet, sizeof(packet), "%s %s %s", word, smx_errname(result),
	    text);
	return put(fd, packet);
}

int
channel_send_stop(int fd, int64_t leaving_ms, int64_t drain_ms)
{
	char packet[80];

	snprintf(packet, sizeof(packet), "stop %lld %lld",
	    (long long)leaving_ms, (long long)drain_ms);
	return put(fd, packet);
}

int
channel_result(const char *name)
{
	for (int rc = SMX_OK; rc >= SMX_ECLOSED; rc--)
		if (strcmp(smx_errname(rc), name) == 0)
			return rc;
	return SMX_EPROTO;
}

/* Cut the next word off *text. */
static int
next_word(const char **text, char *out, size_t size)
{
	size_t len = strcspn(*text, " ");

	if (len == 0 || len >= size)
		return SMX_EPROTO;
	memcpy(out, *text, len);
	out[len] = '\0';
	*text += len + ((*text)[len] == ' ');
	return SMX_OK;
}

static int
parse(const char *text, struct channel_packet *packet)
{
	char word[32];
	uint64_t n;

	if (next_word(&text, packet->word, sizeof(packet->word)) != SMX_OK)
		return SMX_EPROTO;
	if (strcmp(packet->word, "stop") == 0) {
		for (int i = 0; i < 2; i++) {
			if (next_word(&text, word, sizeof(word)) != SMX_OK ||
			    number_parse(word, strlen(word), INT64_MAX, &n) !=
				SMX_OK)
				return SMX_EPROTO;
			packet->ms[i] = (int64_t)n;
		}
	} else if (*text != '\0') {
		if (next_word(&text, word, sizeof(word)) != SMX_OK)
			return SMX_EPROTO;
		packet->result = channel_result(word);
		text_copy(packet->text, sizeof(packet->text), text);
	}
	return SMX_OK;
}

int
channel_receive(int fd, struct channel_packet *packet)
{
	char text[CHANNEL_MAX];
	ssize_t n;

	memset(packet, 0, sizeof(*packet));
	do
		n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? SMX_ETEMP
							       : SMX_ECLOSED;
	if (n == 0)
		return SMX_ECLOSED;
	text[n] = '\0';
	return parse(text, packet);
}
