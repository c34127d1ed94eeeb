/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stddef.h>

#include <shadowmx/err.h>
#include <shadowmx/shadowmx.h>

static const struct {
	const char *name;
	const char *sentence;
} words[] = {
	[-SMX_OK] = { "ok", "done" },
	[-SMX_EINVAL] = { "invalid", "the argument is not acceptable" },
	[-SMX_ENOMEM] = { "nomem", "out of memory" },
	[-SMX_ENOTFOUND] = { "notfound", "not found" },
	[-SMX_EEXIST] = { "exists", "it is there already" },
	[-SMX_ECONFLICT] = { "conflict", "the same key with other content" },
	[-SMX_EGONE] = { "gone", "already finished" },
	[-SMX_EUNSURE] = { "unsure", "it may or may not have happened" },
	[-SMX_EFULL] = { "full", "no room: quota or disk is full" },
	[-SMX_EIO] = { "io", "the operating system refused" },
	[-SMX_ESTATE] = { "state", "not possible in the present state" },
	[-SMX_ETIMEOUT] = { "timeout", "the deadline passed" },
	[-SMX_EREFUSED] = { "refused", "the other side refused" },
	[-SMX_ETEMP] = { "temp", "the other side said: not now" },
	[-SMX_EUNREACHABLE] = { "unreachable", "no connection" },
	[-SMX_EPROTO] = { "protocol", "the protocol was not followed" },
	[-SMX_EPERM] = { "permission", "not allowed" },
	[-SMX_ELIMIT] = { "limit", "over a configured limit" },
	[-SMX_ECONFIG] = { "config", "the configuration is wrong" },
	[-SMX_ECORRUPT] = { "corrupt", "stored bytes are damaged" },
	[-SMX_EBUSY] = { "busy", "in use by another process" },
	[-SMX_ECLOSED] = { "closed", "closed" },
};

static int
known(int err)
{
	return err <= 0 &&
	       (size_t) - (long)err < sizeof(words) / sizeof(*words);
}

const char *
smx_strerror(int err)
{
	return known(err) ? words[-err].sentence : "unknown error";
}

const char *
smx_errname(int err)
{
	return known(err) ? words[-err].name : "unknown";
}

const char *
smx_version(void)
{
	return PACKAGE_VERSION;
}
