/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A milter that changes what it is told to, at the end of each message:
 *
 *	edit_milter SOCKET
 *
 * The message says what, in headers "X-Edit: quarantine", "X-Edit: delete
 * <address>", "X-Edit: add <address>", "X-Edit: sender <address>", "X-Edit:
 * reject", "X-Edit: tempfail", "X-Edit: discard", "X-Edit: header", "X-Edit:
 * body".
 */
#include "config.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EDITS_MAX 8

struct edits {
	char *text[EDITS_MAX];
	size_t count;
};

static void
forget(struct edits *edits)
{
	while (edits->count > 0)
		free(edits->text[--edits->count]);
}

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)host, (void)addr;
	smfi_setpriv(ctx, calloc(1, sizeof(struct edits)));
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct edits *edits = smfi_getpriv(ctx);

	if (edits != NULL && strcasecmp(name, "X-Edit") == 0 &&
	    edits->count < EDITS_MAX)
		edits->text[edits->count++] = strdup(value);
	return SMFIS_CONTINUE;
}

static sfsistat
apply(SMFICTX *ctx, char *text)
{
	char *space = strchr(text, ' ');
	char *address = space != NULL ? space + 1 : text + strlen(text);
	size_t verb = space != NULL ? (size_t)(space - text) : strlen(text);

	if (strncmp(text, "reject", verb) == 0)
		return SMFIS_REJECT;
	if (strncmp(text, "tempfail", verb) == 0)
		return SMFIS_TEMPFAIL;
	if (strncmp(text, "discard", verb) == 0)
		return SMFIS_DISCARD;
	if (strncmp(text, "quarantine", verb) == 0)
		smfi_quarantine(ctx, (char[]){ "edit" });
	else if (strncmp(text, "delete", verb) == 0)
		smfi_delrcpt(ctx, address);
	else if (strncmp(text, "add", verb) == 0)
		smfi_addrcpt(ctx, address);
	else if (strncmp(text, "sender", verb) == 0)
		smfi_chgfrom(ctx, address, NULL);
	else if (strncmp(text, "header", verb) == 0) {
		smfi_insheader(ctx, 0, (char[]){ "X-Edited" },
		    (char[]){ "first" });
		smfi_addheader(ctx, (char[]){ "X-Edited" }, (char[]){ "last" });
	} else if (strncmp(text, "body", verb) == 0)
		smfi_replacebody(ctx, (unsigned char[]){ "edited\r\n" }, 8);
	return SMFIS_CONTINUE;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct edits *edits = smfi_getpriv(ctx);
	sfsistat status = SMFIS_CONTINUE;

	if (edits == NULL)
		return SMFIS_TEMPFAIL;
	for (size_t i = 0; i < edits->count && status == SMFIS_CONTINUE; i++)
		status = apply(ctx, edits->text[i]);
	forget(edits);
	return status;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct edits *edits = smfi_getpriv(ctx);

	if (edits != NULL)
		forget(edits);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct edits *edits = smfi_getpriv(ctx);

	if (edits != NULL)
		forget(edits);
	free(edits);
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "edit";
	struct smfiDesc d;

	if (argc != 2)
		return 64;
	memset(&d, 0, sizeof(d));
	d.xxfi_name = name;
	d.xxfi_version = SMFI_VERSION;
	d.xxfi_flags = SMFIF_QUARANTINE | SMFIF_DELRCPT | SMFIF_ADDRCPT |
		       SMFIF_CHGFROM | SMFIF_ADDHDRS | SMFIF_CHGBODY;
	d.xxfi_connect = on_connect;
	d.xxfi_header = on_header;
	d.xxfi_eom = on_eom;
	d.xxfi_abort = on_abort;
	d.xxfi_close = on_close;
	if (smfi_register(d) != MI_SUCCESS ||
	    smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
