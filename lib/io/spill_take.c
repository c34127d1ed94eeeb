/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/spill.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE 16384

static int
wait_readable(int fd, int64_t until_mono_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = until_mono_ms - clock_mono_ms();
	int n;

	if (left < 0)
		left = 0;
	do
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return SMX_ETIMEOUT;
	return n < 0 ? SMX_EIO : SMX_OK;
}

static int
add_lines(struct spill *spill, const char *data, size_t len)
{
	int rc = SMX_OK;

	while (rc == SMX_OK && len > 0) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - data);

		rc = spill_add(spill, data, n);
		if (rc == SMX_OK && lf != NULL)
			rc = spill_add(spill, "\r\n", 2);
		n += lf != NULL;
		data += n;
		len -= n;
	}
	return rc;
}

int
spill_take(struct spill *spill, int fd, uint64_t size, int64_t until_mono_ms)
{
	uint64_t seen = 0;
	char piece[PIECE];
	ssize_t n;
	int rc;

	do {
		rc = wait_readable(fd, until_mono_ms);
		if (rc != SMX_OK)
			return rc;
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return SMX_EIO;
		if (n > 0) {
			seen += (uint64_t)n;
			/* More than was said: another file, or no end. */
			rc = seen > size ? SMX_EIO
					 : add_lines(spill, piece, (size_t)n);
		}
	} while (rc == SMX_OK && n != 0);
	if (rc == SMX_OK && seen != size)
		rc = SMX_EIO;
	return rc;
}
