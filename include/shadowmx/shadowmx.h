/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_SHADOWMX_H
#define SHADOWMX_SHADOWMX_H

/* All of the library's interface, and its version. */
#include <shadowmx/check.h>
#include <shadowmx/config.h>
#include <shadowmx/content.h>
#include <shadowmx/daemon.h>
#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>
#include <shadowmx/err.h>
#include <shadowmx/identity.h>
#include <shadowmx/key.h>
#include <shadowmx/link.h>
#include <shadowmx/log.h>
#include <shadowmx/milter.h>
#include <shadowmx/policy.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>
#include <shadowmx/submit.h>

#define SMX_VERSION_MAJOR 0
#define SMX_VERSION_MINOR 1
#define SMX_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0", of the library that runs, not of the header. */
SMX_API const char *smx_version(void);

#ifdef __cplusplus
}
#endif
#endif
