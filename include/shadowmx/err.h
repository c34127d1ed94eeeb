/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_ERR_H
#define SHADOWMX_ERR_H

/*
 * Results.  Every function that can fail returns SMX_OK or one of the negative
 * values below.  Outputs change only on SMX_OK unless a function says so.
 *
 * Three outcomes are kept apart everywhere: it happened (SMX_OK), it did not
 * happen (most codes), and nobody can know (SMX_EUNSURE).  After SMX_EUNSURE
 * the copy in question is always kept.
 */
#if defined(__GNUC__)
#define SMX_API          __attribute__((visibility("default")))
#define SMX_MUST_USE     __attribute__((warn_unused_result))
#define SMX_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define SMX_API
#define SMX_MUST_USE
#define SMX_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum smx_err {
	SMX_OK = 0,
	SMX_EINVAL = -1,    /* the caller's argument is not acceptable */
	SMX_ENOMEM = -2,    /* no memory; nothing changed */
	SMX_ENOTFOUND = -3, /* looked, and it is not there */
	SMX_EEXIST = -4,    /* the same thing is there already, durably */
	SMX_ECONFLICT = -5, /* the same key is there with other content */
	SMX_EGONE = -6,     /* the key was finished before: never OK again */
	SMX_EUNSURE = -7,   /* may have happened: keep the copy */
	SMX_EFULL = -8,     /* quota or disk full: not now */
	SMX_EIO = -9,       /* the operating system refused; errno was logged */
	SMX_ESTATE = -10,   /* not allowed in the present state */
	SMX_ETIMEOUT = -11, /* the deadline passed */
	SMX_EREFUSED = -12, /* the other side said no, for good */
	SMX_ETEMP = -13,    /* the other side said not now */
	SMX_EUNREACHABLE = -14, /* nothing was sent: no connection to be had */
	SMX_EPROTO = -15,   /* the other side does not follow the protocol */
	SMX_EPERM = -16,    /* not yours */
	SMX_ELIMIT = -17,   /* over a configured ceiling */
	SMX_ECONFIG = -18,  /* the configuration is wrong; see the messages */
	SMX_ECORRUPT = -19, /* stored bytes do not match their checksum */
	SMX_EBUSY = -20,    /* in use by another process */
	SMX_ECLOSED = -21   /* shutting down, or the other side closed */
};

/* A short sentence for people; never NULL, for any value. */
SMX_API const char *smx_strerror(int err);

/* The word used in logs and JSON ("unsure", "full"); never NULL. */
SMX_API const char *smx_errname(int err);

#ifdef __cplusplus
}
#endif
#endif
