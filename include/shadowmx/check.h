/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_CHECK_H
#define SHADOWMX_CHECK_H

#include <stddef.h>

#include <shadowmx/config.h>
#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Does the MTA's set-up keep the promise that the configuration makes?
 *
 * Everything here looks and asks; nothing is changed.  The MTA's own programs
 * are run to ask for its settings, each with a deadline.
 *
 * Threads:   call from a process that has one thread only (it forks).
 * Ownership: what a callback is given is valid until it returns.
 */
enum smx_severity {
	SMX_NOTE = 1, /* good to know */
	SMX_WARNING,  /* something is not covered */
	SMX_ERROR     /* mail may be lost, or the promise is void */
};

enum smx_fix_kind {
	SMX_FIX_RUN = 1, /* a command for root's shell */
	SMX_FIX_CONF     /* a line for shadowmx.conf, or a file in conf.d */
};

struct smx_fix {
	enum smx_fix_kind kind;
	const char *text;
};

/* Texts are never NULL; they may hold bytes from the MTA's files. */
struct smx_finding {
	enum smx_severity severity;
	const char *name;    /* "milter-missing": stays the same */
	const char *where;   /* "main.cf", "master.cf submission/inet", a file;
			      * "" nowhere in particular */
	const char *setting; /* "" none */
	const char *value;   /* as found */
	const char *why;     /* what is wrong and why it matters */
	const struct smx_fix *fixes;
	size_t fix_count;
};

typedef void (*smx_finding_fn)(void *ctx, const struct smx_finding *finding);

/* "note", "warning", "error". */
SMX_API const char *smx_severity_name(enum smx_severity severity);

/* SMX_OK: looked at everything; what was found has been told.  SMX_ENOMEM. */
SMX_API int smx_check_mta(const struct smx_config *config, smx_finding_fn each,
    void *ctx) SMX_MUST_USE;

/*
 * The domains whose mail this host's MTA takes, each told once, but for those
 * that every host has for itself (localhost).  skipped (may
 * be NULL) is told which tables cannot be listed, and why.  SMX_EIO: the MTA's
 * settings could not be asked for.
 */
typedef void (*smx_domain_fn)(void *ctx, const char *domain);
typedef void (*smx_skipped_fn)(void *ctx, const char *table, const char *why);
SMX_API int smx_check_domains(const struct smx_config *config,
    smx_domain_fn each, smx_skipped_fn skipped, void *ctx) SMX_MUST_USE;

/*
 * Would this host's MTA take mail for these?  A name without "@" is a domain
 * and is asked as postmaster of it.  Asked by MAIL and RCPT at mta.submit; no
 * message is sent.  What it refuses becomes a finding.
 */
SMX_API int smx_check_accepts(const struct smx_config *config,
    const char *const *names, size_t count, smx_finding_fn each,
    void *ctx) SMX_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
