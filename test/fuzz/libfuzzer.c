/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdlib.h>

#include "base/log.h"

/*
 * The same targets for clang's fuzzer, which sees the branches taken:
 *
 *	FUZZ_TARGET=name program
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct fuzz_target *target;

static void
quiet(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

void
fuzz_saw(unsigned what)
{
	(void)what;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc, (void)argv;
	smx_log_set(quiet, NULL, SMX_LOG_ERR);
	target = fuzz_target_find(name == NULL ? "wire-server" : name);
	if (target == NULL)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	target->run((const char *)data, len);
	return 0;
}
