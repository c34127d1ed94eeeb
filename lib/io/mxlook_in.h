/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MXLOOK_IN_H
#define IO_MXLOOK_IN_H

#include <pthread.h>

#include "io/certcheck.h"
#include "io/hop_addr.h"
#include "io/mxlook.h"

#define MXLOOK_ADDRESSES 4 /* of one host that are tried */
#define MXLOOK_SILENT    64

/* Hosts that were silent a moment ago: the next domain that names one need not
 * wait for it, too. */
struct mxsilent {
	pthread_mutex_t lock;
	struct {
		char name[256];
		char said[160];
		int64_t seen_ms;
	} list[MXLOOK_SILENT]; /* under lock, as is the next */
	size_t next;
};

struct mxlooker {
	struct mxlooker_options options;
	struct hops *hops;
	struct hops *tls_hops; /* which speak by TLS or not at all */
	struct certtrust *trust;
	struct mxsilent silent;
};

/* One look, while it lasts. */
struct mxlooking {
	struct mxlooker *looker;
	const struct mxlook_question *question;
	struct mxcheck_look *look;
	struct dnsask dns; /* of this host */
	int64_t until_ms;
	struct dnsanswer answer;           /* the last one */
	struct hop_addrs addrs[DNSMX_MAX]; /* of each host */
};

/* What one address said. */
struct mxlook_heard {
	struct hop_answer answer;
	int hello; /* it has said what it offers */
	int offers_tls;
	struct buf *certificates; /* lent; NULL: of no interest */
};

/* Through the servers of this host, into l->answer. */
int mxlook_ask(struct mxlooking *l, const char *name, enum dns_type type);
/* mxlook_servers.c: do the domain's own name servers say the same? */
int mxlook_servers(struct mxlooking *l);
/* mxlook_probe.c: does this host answer, at one of these? */
int mxlook_probe(struct mxlooking *l, struct mxcheck_host *host,
    const struct hop_addrs *addrs);
/* The same, for one address: SMX_OK, and *out is what came. */
int mxlook_ask_hop(struct mxlooking *l, struct hops *hops,
    const struct hop_addr *addr, struct mxlook_heard *out);
/* mxlook_tls.c: the same by TLS, and what the host shows.  Zero in *done: it
 * does not speak TLS, but may have an answer in the clear. */
int mxlook_tls_wanted(const struct mxlooking *l, const struct mxcheck_host *h);
int mxlook_tls(struct mxlooking *l, struct mxcheck_host *host,
    const struct hop_addr *addr, struct hop_answer *answer, int *done);
/* What it said in the clear, after that. */
void mxlook_tls_heard(struct mxcheck_host *host,
    const struct mxlook_heard *heard);
/* mxlook_sts.c: the record, and the policy that it announces. */
int mxlook_sts(struct mxlooking *l);
int mxlook_policy(struct mxlooking *l);
void mxsilent_init(struct mxsilent *silent);

#endif
