/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MTACHECK_IN_H
#define CORE_MTACHECK_IN_H

#include "core/mtacheck.h"

/* ---- mtafinding.c: a finding in the making ---- */

#define FINDING_FIXES 12

struct finding {
	struct mta_check *check;
	struct smx_finding f;
	struct smx_fix fixes[FINDING_FIXES];
};

void finding_begin(struct finding *f, struct mta_check *check,
    enum smx_severity severity, const char *name);
/* Where it was found; value as found. */
void finding_main(struct finding *f, const char *setting, const char *value);
void finding_conf(struct finding *f, const char *setting, const char *value);
/* In its own line when it overrides, else in main.cf. */
void finding_service(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value);
/* A column of master.cf. */
void finding_column(struct finding *f, const struct mta_service *service,
    const char *column, const char *value);

/* Lines to add. */
void fix_main(struct finding *f, const char *setting, const char *value);
/* Where the setting was found: the service's own override, or main.cf. */
void fix_service(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value);
/* Always as an override. */
void fix_override(struct finding *f, const struct mta_service *service,
    const char *setting, const char *value);
void fix_column(struct finding *f, const struct mta_service *service,
    const char *column, const char *value);
void fix_run(struct finding *f, const char *command);
void fix_conf(struct finding *f, const char *line);

/* mtaway.c: the whole service for one of our ways in.  0: it cannot be one of
 * Postfix's. */
int fix_way(struct finding *f, const char *target, enum mta_way way);

void finding_tell(struct finding *f, const char *why);
/* 'it', for a shell. */
const char *finding_quote(struct mta_check *check, const char *text);

/* ---- services ---- */

int service_overrides(const struct mta_service *service, const char *setting);
int service_is_loopback(const struct mta_service *service);
int service_is_unused(const struct mta_service *service);
/* An smtpd that is not one of our ways in. */
int service_takes_mail(const struct mta_check *check,
    const struct mta_service *service);
int64_t service_processes(const struct mta_check *check,
    const struct mta_service *service);

/* ---- where we listen ---- */

/* The address in Postfix's words. */
void endpoint_words(const struct mta_check *check, const char *listen,
    char out[ENDPOINT_TEXT]);
/* mtamilter.c.  Non-zero: the endpoint of a service that is, or is not, in a
 * chroot is the address where we listen.  *leads_to: where it is. */
int endpoint_is(struct mta_check *check, const char *endpoint, int chroot,
    const char *listen, const char **leads_to);

/* ---- our milter in a list (mtamilter.c) ---- */

enum milter_place {
	MILTER_NONE,    /* nothing that looks like it */
	MILTER_ASTRAY,  /* meant, and leads somewhere else */
	MILTER_EARLIER, /* another one comes behind it */
	MILTER_LAST
};

struct milter_found {
	enum milter_place place;
	struct mta_milter milter; /* ours; not with MILTER_NONE */
	const char *leads_to;     /* MILTER_ASTRAY */
	const char *proper;       /* the list as it should be */
};

void milter_find(struct mta_check *check, const char *list, int chroot,
    struct milter_found *out);
/* The list with another value for one attribute of one of its milters. */
const char *milter_with(struct mta_check *check, const char *list,
    const struct mta_milter *milter, const char *name, const char *old,
    const char *value);

/* ---- the parts ---- */

void mtacheck_intake(struct mta_check *check);
void mtacheck_local(struct mta_check *check);
void mtacheck_filters(struct mta_check *check);
void mtacheck_delivered(struct mta_check *check);
void mtacheck_backup(struct mta_check *check);
void mtacheck_etrn(struct mta_check *check);
void mtacheck_limits(struct mta_check *check);
void mtacheck_submit(struct mta_check *check);
void mtacheck_general(struct mta_check *check);
void mtacheck_files(struct mta_check *check);

#endif
