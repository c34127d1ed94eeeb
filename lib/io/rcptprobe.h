/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_RCPTPROBE_H
#define IO_RCPTPROBE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Ask an SMTP server by MAIL and RCPT whom it would take mail for.  Nothing is
 * sent: each question ends with RSET.
 *
 * each gets the result for one address (SMX_OK, SMX_ETEMP, SMX_EREFUSED,
 * SMX_EINVAL: no address) with the server's words.  Returns SMX_OK when all
 * were asked, else what broke the conversation off, with words in why.
 */
typedef void (
    *rcptprobe_fn)(void *ctx, size_t index, int result, const char *words);

struct rcptprobe {
	const char *target; /* as for smtp_target_new() */
	const char *helo;
	int64_t step_ms;
	int64_t deadline_mono_ms;
	const char *const *addresses;
	size_t count;
	rcptprobe_fn each;
	void *ctx;
};

int rcptprobe_run(const struct rcptprobe *probe, char *why,
    size_t why_size) SMX_MUST_USE;

#endif
