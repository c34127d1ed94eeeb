/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hopanswer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static void
numbers(struct hop_answer *out, const struct smtpreply *reply)
{
	out->code = reply->code;
	text_copy(out->enhanced, sizeof(out->enhanced), reply->enhanced);
}

void
hopanswer_reply(struct hop_answer *out, const struct smtpreply *reply)
{
	memset(out, 0, sizeof(*out));
	switch (smtpreply_result(reply)) {
	case SMX_OK:
		out->class = HOP_YES;
		break;
	case SMX_ETEMP:
		out->class = HOP_TEMP;
		break;
	case SMX_EREFUSED:
		out->class = HOP_NO;
		break;
	default:
		out->class = HOP_UNREACHABLE;
		break;
	}
	numbers(out, reply);
	text_copy(out->text, sizeof(out->text), smtpreply_text(reply));
}

static void
printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

void
hopanswer_own(struct hop_answer *out, enum hop_class class, const char *fmt,
    ...)
{
	va_list args;

	memset(out, 0, sizeof(*out));
	out->class = class;
	va_start(args, fmt);
	(void)vsnprintf(out->text, sizeof(out->text), fmt, args);
	va_end(args);
	printable(out->text);
}

void
hopanswer_at(struct hop_answer *out, enum hop_class class, const char *what,
    const struct smtpreply *reply)
{
	hopanswer_own(out, class, "%s: %d%s%s %s", what, reply->code,
	    reply->enhanced[0] == '\0' ? "" : " ", reply->enhanced,
	    smtpreply_text(reply));
	numbers(out, reply);
}
