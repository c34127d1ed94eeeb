/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MXCHECK_H
#define CORE_MXCHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/dnsmx.h"
#include "core/stspolicy.h"

/*
 * What is wrong with the MX records of a domain, from one look at them and what
 * was seen there before.  Pure: who looks is glue/mxlook.h.
 */
#define MXCHECK_SERVERS  8 /* name servers that are asked */
#define MXCHECK_FINDINGS 64
#define MXCHECK_TEXT     320
#define MXCHECK_STS      64

enum mxcheck_set {
	MXSET_UNSURE = 0, /* could not be looked up */
	MXSET_HOSTS,
	MXSET_NULL,     /* RFC 7505: takes no mail */
	MXSET_NONE,     /* the name is there, MX records are not */
	MXSET_NO_DOMAIN /* there is no such name */
};

/* Whatever was looked for of one host. */
enum mxcheck_there { THERE_UNSURE = 0, THERE_YES, THERE_NO };

enum mxcheck_answer {
	MXANSWER_NOT_ASKED = 0,
	MXANSWER_READY,  /* it takes mail for the domain's postmaster */
	MXANSWER_DEFERS, /* not now */
	MXANSWER_REFUSES,
	MXANSWER_SILENT
};

/* How it was spoken to when TLS was asked of it. */
enum mxcheck_tls {
	MXTLS_NOT_ASKED = 0,
	MXTLS_YES,
	MXTLS_NOT_OFFERED,
	MXTLS_FAILED
};

struct mxcheck_host {
	unsigned preference;
	char name[256];
	enum mxcheck_there address;
	unsigned addresses;      /* that are known of it */
	enum mxcheck_there tlsa; /* _25._tcp.NAME */
	int tlsa_secure; /* a resolver that is trusted has verified it */
	enum mxcheck_there tlsa_usable;  /* by mail: usage 2 or 3 */
	enum mxcheck_there tlsa_matches; /* the certificates that it shows */
	enum mxcheck_tls tls;
	enum mxcheck_there certified; /* for its name, by who may do so */
	char tls_said[160];           /* why it is not */
	int alias;                    /* CNAME: RFC 2181 10.3 forbids it */
	int own;                      /* this host */
	int primary;                  /* named as primary by the policy */
	int excused; /* known to be down, or on purpose: nobody is told again */
	enum mxcheck_answer answer;
	char said[160];
};

enum mxcheck_agrees {
	SERVER_UNSURE = 0,
	SERVER_AGREES,
	SERVER_DIFFERS,
	SERVER_SILENT,    /* or does not know the domain */
	SERVER_NO_ADDRESS /* its name has none */
};

struct mxcheck_server {
	char name[256];
	enum mxcheck_agrees agrees;
};

struct mxcheck_look {
	int backup; /* this host is the secondary of the domain */
	enum mxcheck_set set;
	char why[160]; /* MXSET_UNSURE */
	struct mxcheck_host hosts[DNSMX_MAX];
	size_t count;
	struct mxcheck_server servers[MXCHECK_SERVERS];
	size_t server_count;
	enum mxcheck_there sts; /* a TXT record at _mta-sts */
	unsigned sts_count;
	char sts_id[MXCHECK_STS]; /* of the only one */
	/* The policy that it announces: THERE_NO, it cannot be had or read, see
	 * sts_why. */
	enum mxcheck_there sts_policy;
	int sts_unread; /* it was had */
	char sts_why[160];
	struct stspolicy policy;
};

/* What was seen last; "": never, or none. */
struct mxcheck_known {
	const char *hosts;
	const char *sts_id;
};

enum mxcheck_level { MXLEVEL_GOOD = 0, MXLEVEL_WARNING, MXLEVEL_ALARM };

enum mxcheck_what {
	MX_LOST = 1,
	MX_CHANGED,
	MX_NULL,
	MX_NO_RECORDS,
	MX_NO_DOMAIN,
	MX_NOT_LOOKED_UP,
	MX_NOT_NAMED,     /* this host */
	MX_NO_PRIMARY,    /* only this host */
	MX_BACKUP_BETTER, /* than the primary */
	MX_BACKUP_EQUAL,
	MX_NO_ADDRESS,
	MX_ALIAS,
	MX_SILENT,
	MX_REFUSES,
	MX_SERVERS_DIFFER,
	MX_SERVER_SILENT,
	MX_SERVER_NO_ADDRESS,
	MX_STS_CHANGED,
	MX_STS_SEVERAL,
	MX_NO_TLSA,
	MX_TLSA_UNUSABLE,
	MX_TLSA_DIFFERS,    /* from what the host shows */
	MX_STS_NO_POLICY,   /* though a record announces one */
	MX_STS_INVALID,     /* what stands in its place */
	MX_STS_NOT_COVERED, /* this host, by the policy */
	MX_STS_NO_TLS,      /* that satisfies the policy */
	MX_WHATS            /* how many there are, and one */
};

struct mxcheck_finding {
	enum mxcheck_what what;
	enum mxcheck_level level;
	char subject[256]; /* a host; "": the domain itself */
	char text[MXCHECK_TEXT];
};

struct mxcheck_findings {
	struct mxcheck_finding list[MXCHECK_FINDINGS];
	size_t count;
};

void mxcheck(const struct mxcheck_look *look, const struct mxcheck_known *known,
    struct mxcheck_findings *out);

/* "lost", ...; NULL for none of them. */
const char *mxcheck_word(enum mxcheck_what what);
enum mxcheck_what mxcheck_find(const char *word, size_t len); /* 0: none */
/* In how many looks, one after the other, it has to be before a person is told:
 * what may be a moment's trouble has to stay. */
unsigned mxcheck_patience(enum mxcheck_what what);
/* It happened, and is not there to be cleared. */
int mxcheck_is_event(enum mxcheck_what what);
/* Non-zero: the look could tell whether this is so. */
int mxcheck_knows(const struct mxcheck_look *look, enum mxcheck_what what,
    const char *subject);

/* The set in one way, whatever order the server gave: "10 a.example.org 20
 * b.example.org", appended; "" unless it has hosts. */
void mxcheck_hosts(const struct mxcheck_look *look, struct buf *out);
/* The id of a record as in RFC 8461 3.1; SMX_ENOTFOUND: it is none of these. */
int mxcheck_sts(const char *text, char id[MXCHECK_STS]);
enum mxcheck_level mxcheck_worst(const struct mxcheck_findings *findings);

#endif
