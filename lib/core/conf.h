/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/config.h>
#include <shadowmx/policy.h>

/*
 * The configuration as plain values, filled by the table in settings.c.
 * Frozen once it is inside a struct smx_config.  Strings are never NULL.
 */
struct conf_member {
	const char *name;
	const char *address;
	const char *const *pins;
	size_t pin_count;
	const char *site;
};

/* This host is the primary MX, those members are backup MX of the domains. */
struct conf_primary_for {
	const char *const *domains;
	size_t domain_count;
	const char *const *members;
	size_t member_count;
	const char *recipients; /* a file; "": they are not told */
};

enum conf_log { CONF_LOG_SYSLOG = 1, CONF_LOG_STDERR };
/* As enum hop_tls of io/hop.h. */
enum conf_tls {
	CONF_TLS_NONE = 1,
	CONF_TLS_MAY,
	CONF_TLS_ENCRYPT,
	CONF_TLS_VERIFY
};
enum conf_isolation { CONF_ISOLATION_DELIVER = 1, CONF_ISOLATION_HOLD };

/* The highest that milter.max_recipients can be. */
#define CONF_RECIPIENTS_MAX 50000

struct conf {
	const char *node;
	const char *site;          /* where it is, "" not said */
	const char *user;          /* the worker's, default "shadowmx" */
	const char *run_directory; /* pid, control socket: /run/shadowmx */

	const char *milter_listen;   /* unix:/path or inet:port@host; Postfix's
				      * inet:host:port is accepted as well and
				      * stored in libmilter's form */
	const char *milter_group;    /* of the unix socket, default postfix */
	int64_t milter_memory_limit; /* 256K: larger is spilled */
	const char *milter_spill;    /* "": <store.path>/spill */
	int64_t milter_max_recipients;   /* 1000 */
	int64_t milter_max_headers;      /* 1000 lines of header fields */
	int64_t milter_max_header;       /* 64K bytes for one field */
	int64_t milter_max_message;      /* 1G bytes; larger: 552 5.3.4 */
	int64_t milter_max_held;         /* 1000 ends of message at a time */
	int64_t milter_resend_guard_ms;  /* 0: off */
	const char *const *own_networks; /* milter.own_networks */
	size_t own_network_count;

	const char *mta_kind; /* "postfix" */
	const char *mta_config_directory;
	const char *mta_queue_directory; /* "": asked from postconf */
	const char *mta_owner;           /* the queue's user, "postfix" */
	const char *mta_submit;          /* host:port or unix:/path; "": none */
	const char *mta_submit_amended;  /* "": mta_submit */
	const char *mta_submit_held;     /* "": held ones are quarantined */
	const char *mta_log;             /* "": none */
	int64_t mta_local_wait_ms;       /* 3m in maildrop: tell */

	const char *store_driver; /* "sqlite" | "memory" */
	const char *store_path;
	int64_t store_quota;
	int64_t store_peer_quota;
	int64_t store_body_file;     /* 256K: larger content in its own file */
	int64_t store_tombstones_ms; /* 2d */

	int64_t net_keep_ms; /* safety_net.keep, 0: none */
	int64_t net_size;
	int64_t net_slice_ms;

	const char *peers_listen;
	const char *peers_key;
	int64_t peers_heartbeat_ms;
	int64_t peers_takeover_after_ms;
	int64_t peers_on_isolation;         /* enum conf_isolation */
	int64_t peers_mta_down_takeover_ms; /* 0: never */
	int64_t peers_connect_ms;
	int64_t peers_pool;
	const struct conf_member *members;
	size_t member_count;

	const char *delivery_helo;        /* "": node */
	int64_t delivery_tls;             /* enum conf_tls */
	const char *delivery_tls_ca;      /* file; "": the system's */
	int64_t delivery_connect_ms;      /* 5s, for one address */
	int64_t delivery_step_ms;         /* 30s, for one reply */
	int64_t delivery_rcpt_wait_ms;    /* 8s, for the answer to RCPT */
	int64_t delivery_max_held;        /* 25 that wait at a time */
	int64_t delivery_max_held_client; /* 3 of one client's address */
	int64_t delivery_connections;     /* 20 kept to one next hop */
	int64_t delivery_idle_ms;         /* 5s */
	int64_t delivery_backoff_ms;      /* 10s, doubles */
	int64_t delivery_backoff_max_ms;  /* 10m */

	int64_t backup_probe_ms;      /* 30s: each primary MX host, while up */
	int64_t backup_probe_down_ms; /* 15s, while down */
	int64_t backup_probe_wait_ms; /* 10s for one probe */
	int64_t backup_up_after;      /* 2 probes */
	int64_t backup_down_after;    /* 3 */
	int64_t backup_rcpt_wait_ms;  /* 5s, for a primary's word at RCPT */
	int64_t backup_good_ms;       /* 31d: how long a good recipient is */
	int64_t backup_good_ask_ms;   /* 7d: asked again, while it is up */
	int64_t backup_bad_ms;        /* 3d */
	int64_t backup_bad_ask_ms;    /* 3h */
	int64_t backup_recipients;    /* 2000000 that are remembered */
	int64_t backup_tries;         /* 1000000 first tries remembered */
	int64_t backup_harvest;       /* 20 unknown ones of a client network a
				       * minute, 0: any */
	int64_t backup_queue_lifetime_ms; /* 5d, as the MTA has it */
	int64_t backup_rate;              /* 10 released a second, at first */
	int64_t backup_rate_max;          /* 200 */
	int64_t backup_keep_ms;           /* 90d: books of what has ended */
	int64_t backup_mx_watch_ms;       /* 1h, 0: never */
	const char *backup_sts_ca;        /* a file; "": the system's */
	const char *backup_alarm;         /* a program; "": none */
	const char *backup_etrn;          /* unix:/path or inet:port@host of
					   * this host; "": no policy service */
	const char *const *backup_etrn_clients; /* networks that may ask */
	size_t backup_etrn_client_count;
	const struct conf_primary_for *primary_for;
	size_t primary_for_count;

	const char *control_listen; /* "": <run_directory>/control.sock */
	const char *control_group;  /* may read; "": root and user only */

	const char *geo_country; /* files; "": none */
	const char *geo_asn;

	enum conf_log log_to;
	int64_t log_level; /* 3..7 */

	int64_t takeover_parallel;     /* resubmissions at a time, 4 */
	int64_t takeover_retry_ms;     /* first back-off, 30s, doubles */
	int64_t takeover_retry_max_ms; /* 1h */
	int64_t takeover_ask_ms;       /* other members are asked, 5s */
	int64_t takeover_keep_done_ms; /* ended here, primary not told, 30d */

	/* What a recipient gets that no policy matches, compiled; the policies
	 * are inside struct smx_config, see policy.h. */
	struct smx_ack defaults;
};

const struct conf *config_conf(const struct smx_config *config);

#endif
