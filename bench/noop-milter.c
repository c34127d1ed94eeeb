/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A milter that does nothing: all callbacks are there, so that the MTA sends
 * everything, and all of them say "continue".  What it costs is what any milter
 * costs.
 *
 *	noop-milter SOCKET [discard]
 *
 * With "discard" the end of a message is answered with that: the least that a
 * message costs which does not come into the queue.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx, (void)host, (void)addr;
	return SMFIS_CONTINUE;
}

static sfsistat
on_text(SMFICTX *ctx, char *text)
{
	(void)ctx, (void)text;
	return SMFIS_CONTINUE;
}

static sfsistat
on_args(SMFICTX *ctx, char **args)
{
	(void)ctx, (void)args;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat
on_event(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat
on_eom_discard(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_DISCARD;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "noop";
	struct smfiDesc d;

	if (argc < 2 || argc > 3 ||
	    (argc == 3 && strcmp(argv[2], "discard") != 0))
		return 64;
	memset(&d, 0, sizeof(d));
	d.xxfi_name = name;
	d.xxfi_version = SMFI_VERSION;
	d.xxfi_connect = on_connect;
	d.xxfi_helo = on_text;
	d.xxfi_envfrom = on_args;
	d.xxfi_envrcpt = on_args;
	d.xxfi_data = on_event;
	d.xxfi_header = on_header;
	d.xxfi_eoh = on_event;
	d.xxfi_body = on_body;
	d.xxfi_eom = argc == 3 ? on_eom_discard : on_event;
	d.xxfi_abort = on_event;
	d.xxfi_close = on_event;
	if (smfi_register(d) != MI_SUCCESS ||
	    smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
