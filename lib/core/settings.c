/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/settings.h"

#include <shadowmx/log.h>

#include "core/setting_check.h"

#ifndef SMX_SYSCONFDIR
#define SMX_SYSCONFDIR "/etc/shadowmx"
#endif

#define MS_SECOND ((int64_t)1000)
#define MS_MINUTE (60 * MS_SECOND)
#define MS_HOUR   (60 * MS_MINUTE)
#define MS_DAY    (24 * MS_HOUR)
#define KIB       ((int64_t)1 << 10)
#define MIB       ((int64_t)1 << 20)
#define GIB       ((int64_t)1 << 30)
#define PIB       ((int64_t)1 << 50)

#define COPIES_MAX 16

static const struct setting_word mta_kinds[] = { { "postfix", 1, NULL },
	{ NULL, 0, NULL } };
static const struct setting_word store_drivers[] = { { "sqlite", 1, NULL },
	{ "memory", 2, NULL }, { NULL, 0, NULL } };
static const struct setting_word isolations[] = {
	{ "deliver", CONF_ISOLATION_DELIVER, NULL },
	{ "hold", CONF_ISOLATION_HOLD, NULL }, { NULL, 0, NULL }
};
static const struct setting_word log_targets[] = { { "syslog", CONF_LOG_SYSLOG,
						       NULL },
	{ "stderr", CONF_LOG_STDERR, NULL }, { NULL, 0, NULL } };
static const struct setting_word log_levels[] = { { "err", SMX_LOG_ERR, NULL },
	{ "warning", SMX_LOG_WARNING, NULL },
	{ "notice", SMX_LOG_NOTICE, NULL }, { "info", SMX_LOG_INFO, NULL },
	{ "debug", SMX_LOG_DEBUG, NULL }, { NULL, 0, NULL } };
static const struct setting_word ack_whens[] = { { "shadowed",
						     SMX_WHEN_SHADOWED, NULL },
	{ "delivered", 0, "this version has no delayed acknowledgement" },
	{ NULL, 0, NULL } };
static const struct setting_word ack_unprotected[] = {
	{ "accept", SMX_UNPROTECTED_ACCEPT, NULL },
	{ "tempfail", SMX_UNPROTECTED_TEMPFAIL, NULL }, { NULL, 0, NULL }
};

static const struct setting_word ack_placements[] = { { "any", PLACEMENT_ANY,
							  NULL },
	{ "prefer_remote", PLACEMENT_PREFER_REMOTE, NULL },
	{ "prefer_local", PLACEMENT_PREFER_LOCAL, NULL },
	{ "remote_only", PLACEMENT_REMOTE_ONLY, NULL },
	{ "local_only", PLACEMENT_LOCAL_ONLY, NULL }, { NULL, 0, NULL } };

static const char a_path[] = "an absolute path";
static const char a_path_or_none[] = "an absolute path, or \"\" for none";
static const char a_site[] = "a word of letters, digits, '.', '_' and '-'";
static const char a_network[] =
    "\"192.0.2.0/24\", \"2001:db8::/32\" or an address";
static const char an_account[] = "the name of a system account";

#define FIELD(type, f)                                                         \
	.offset = offsetof(struct type, f),                                    \
	.width = sizeof(((struct type *)0)->f)
#define COUNTED(type, f, c)                                                    \
	FIELD(type, f), .count_offset = offsetof(struct type, c)
#define ROOT(p, k, f)                                                          \
	.section = SECTION_ROOT, .path = p, .kind = k, FIELD(conf, f)
#define RANGE(d, l, h) .preset = d, .low = l, .high = h

/* In the order of the manual. */
const struct setting settings[] = {
	{ ROOT("node", SETTING_TEXT, node), .check = check_hostname,
	    .flags = SETTING_REQUIRED | SETTING_RESTART,
	    .accepted = "this host's name, as its peers know it" },
	{ ROOT("site", SETTING_TEXT, site), .check = check_label,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK, .preset = "",
	    .accepted = a_site },
	{ ROOT("user", SETTING_TEXT, user), .check = check_account,
	    .flags = SETTING_RESTART, .preset = "shadowmx",
	    .accepted = an_account },
	{ ROOT("run_directory", SETTING_TEXT, run_directory),
	    .check = check_path, .flags = SETTING_RESTART,
	    .preset = "/run/shadowmx", .accepted = a_path },

	{ ROOT("milter.listen", SETTING_TEXT, milter_listen),
	    .check = check_milter_listen, .flags = SETTING_RESTART,
	    .preset = "unix:/var/spool/postfix/shadowmx/milter.sock",
	    .accepted = "unix:/path, inet:port@host, inet6:port@host or "
			"inet:host:port" },
	{ ROOT("milter.group", SETTING_TEXT, milter_group),
	    .check = check_account, .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "postfix", .accepted = an_account },
	{ ROOT("milter.memory_limit", SETTING_SIZE, milter_memory_limit),
	    RANGE("256K", 4 * KIB, 64 * MIB) },
	{ ROOT("milter.spill", SETTING_TEXT, milter_spill), .check = check_path,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK, .preset = "",
	    .accepted =
		"an absolute path, or \"\" for a folder in store.path" },
	{ ROOT("milter.max_recipients", SETTING_NUMBER, milter_max_recipients),
	    RANGE("1000", 1, CONF_RECIPIENTS_MAX) },
	{ ROOT("milter.max_headers", SETTING_NUMBER, milter_max_headers),
	    RANGE("1000", 10, 100000) },
	{ ROOT("milter.max_header", SETTING_SIZE, milter_max_header),
	    RANGE("64K", 1 * KIB, 1 * MIB) },
	{ ROOT("milter.max_message", SETTING_SIZE, milter_max_message),
	    RANGE("1G", 4 * KIB, 4 * GIB) },
	{ ROOT("milter.max_held", SETTING_NUMBER, milter_max_held),
	    RANGE("1000", 1, 100000) },
	{ ROOT("milter.resend_guard", SETTING_DURATION, milter_resend_guard_ms),
	    .flags = SETTING_RESTART, RANGE("0", 0, 7 * MS_DAY) },
	{ .section = SECTION_ROOT,
	    .path = "milter.own_networks",
	    .kind = SETTING_LIST,
	    COUNTED(conf, own_networks, own_network_count),
	    .flags = SETTING_EMPTY_OK,
	    .check = check_network,
	    .accepted = a_network },

	{ ROOT("mta.kind", SETTING_WORD, mta_kind), .words = mta_kinds,
	    .flags = SETTING_RESTART, .preset = "postfix" },
	{ ROOT("mta.config_directory", SETTING_TEXT, mta_config_directory),
	    .check = check_path, .flags = SETTING_RESTART,
	    .preset = "/etc/postfix", .accepted = a_path },
	{ ROOT("mta.queue_directory", SETTING_TEXT, mta_queue_directory),
	    .check = check_path, .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "",
	    .accepted = "an absolute path, or \"\" to ask postconf(1)" },
	{ ROOT("mta.owner", SETTING_TEXT, mta_owner), .check = check_account,
	    .flags = SETTING_RESTART, .preset = "postfix",
	    .accepted = an_account },
	{ ROOT("mta.submit", SETTING_TEXT, mta_submit), .check = check_submit,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "127.0.0.1:10026",
	    .accepted = "address:port, [address]:port, unix:/path, or \"\" for "
			"no takeover" },
	{ ROOT("mta.submit_amended", SETTING_TEXT, mta_submit_amended),
	    .check = check_submit, .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "",
	    .accepted = "address:port, [address]:port, unix:/path, or \"\" for "
			"mta.submit" },
	{ ROOT("mta.submit_held", SETTING_TEXT, mta_submit_held),
	    .check = check_submit, .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "",
	    .accepted = "address:port, [address]:port, unix:/path, or \"\" to "
			"quarantine what was on hold" },
	{ ROOT("mta.log", SETTING_TEXT, mta_log), .check = check_path,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK, .preset = "",
	    .accepted = a_path_or_none },
	{ ROOT("mta.local_wait", SETTING_DURATION, mta_local_wait_ms),
	    RANGE("3m", MS_SECOND, MS_DAY) },

	{ ROOT("store.driver", SETTING_WORD, store_driver),
	    .words = store_drivers, .flags = SETTING_RESTART,
	    .preset = "sqlite" },
	{ ROOT("store.path", SETTING_TEXT, store_path), .check = check_path,
	    .flags = SETTING_RESTART, .preset = "/var/lib/shadowmx",
	    .accepted = a_path },
	{ ROOT("store.quota", SETTING_SIZE, store_quota),
	    .flags = SETTING_RESTART, RANGE("20G", 0, PIB) },
	{ ROOT("store.peer_quota", SETTING_SIZE, store_peer_quota),
	    .flags = SETTING_RESTART, RANGE("0", 0, PIB) },
	{ ROOT("store.body_file", SETTING_SIZE, store_body_file),
	    .flags = SETTING_RESTART, RANGE("256K", 4 * KIB, 64 * MIB) },
	{ ROOT("store.tombstones", SETTING_DURATION, store_tombstones_ms),
	    .flags = SETTING_RESTART, RANGE("2d", MS_MINUTE, 90 * MS_DAY) },

	{ ROOT("safety_net.keep", SETTING_DURATION, net_keep_ms),
	    .flags = SETTING_RESTART, RANGE("0", 0, 90 * MS_DAY) },
	{ ROOT("safety_net.size", SETTING_SIZE, net_size),
	    .flags = SETTING_RESTART, RANGE("10G", 1 * MIB, PIB) },
	{ ROOT("safety_net.slice", SETTING_DURATION, net_slice_ms),
	    .flags = SETTING_RESTART, RANGE("1h", MS_SECOND, 7 * MS_DAY) },

	{ ROOT("peers.listen", SETTING_TEXT, peers_listen),
	    .check = check_endpoint,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "0.0.0.0:8825",
	    .accepted = "address:port, [address]:port, or \"\" to hold nothing "
			"for others" },
	{ ROOT("peers.key", SETTING_TEXT, peers_key), .check = check_path,
	    .flags = SETTING_RESTART, .preset = SMX_SYSCONFDIR "/node.key",
	    .accepted = a_path },
	{ ROOT("peers.heartbeat", SETTING_DURATION, peers_heartbeat_ms),
	    .flags = SETTING_RESTART, RANGE("30s", 100, 10 * MS_MINUTE) },
	{ ROOT("peers.takeover_after", SETTING_DURATION,
	      peers_takeover_after_ms),
	    .flags = SETTING_RESTART, RANGE("10m", 300, 30 * MS_DAY) },
	{ ROOT("peers.on_isolation", SETTING_CHOICE, peers_on_isolation),
	    .words = isolations, .flags = SETTING_RESTART,
	    .preset = "deliver" },
	{ ROOT("peers.mta_down_takeover", SETTING_DURATION,
	      peers_mta_down_takeover_ms),
	    .flags = SETTING_RESTART, RANGE("0", 0, 30 * MS_DAY) },
	{ ROOT("peers.connect_timeout", SETTING_DURATION, peers_connect_ms),
	    .flags = SETTING_RESTART, RANGE("5s", 100, 5 * MS_MINUTE) },
	{ ROOT("peers.pool", SETTING_NUMBER, peers_pool),
	    .flags = SETTING_RESTART, RANGE("32", 1, 1024) },
	{ .section = SECTION_ROOT,
	    .path = "peers.members",
	    .kind = SETTING_GROUPS,
	    .offset = offsetof(struct conf, members),
	    .width = sizeof(struct conf_member),
	    .count_offset = offsetof(struct conf, member_count),
	    .flags = SETTING_RESTART,
	    .sub = SECTION_MEMBER,
	    .accepted = "a list of groups: ( { name = ...; }, ... )" },

	{ ROOT("control.listen", SETTING_TEXT, control_listen),
	    .check = check_socket_path,
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK, .preset = "",
	    .accepted = "an absolute path, or \"\" for control.sock in "
			"run_directory" },
	{ ROOT("control.group", SETTING_TEXT, control_group),
	    .check = check_account, .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "", .accepted = an_account },

	{ ROOT("geo.country", SETTING_TEXT, geo_country), .check = check_path,
	    .flags = SETTING_EMPTY_OK, .preset = "",
	    .accepted = a_path_or_none },
	{ ROOT("geo.asn", SETTING_TEXT, geo_asn), .check = check_path,
	    .flags = SETTING_EMPTY_OK, .preset = "",
	    .accepted = a_path_or_none },

	{ ROOT("log.to", SETTING_CHOICE, log_to), .words = log_targets,
	    .flags = SETTING_RESTART, .preset = "syslog" },
	{ ROOT("log.level", SETTING_CHOICE, log_level), .words = log_levels,
	    .flags = SETTING_RESTART, .preset = "info" },

	{ ROOT("takeover.parallel", SETTING_NUMBER, takeover_parallel),
	    .flags = SETTING_RESTART, RANGE("4", 1, 64) },
	{ ROOT("takeover.retry", SETTING_DURATION, takeover_retry_ms),
	    .flags = SETTING_RESTART, RANGE("30s", 100, MS_DAY) },
	{ ROOT("takeover.retry_max", SETTING_DURATION, takeover_retry_max_ms),
	    .flags = SETTING_RESTART, RANGE("1h", 100, 5 * MS_DAY) },
	{ ROOT("takeover.ask", SETTING_DURATION, takeover_ask_ms),
	    .flags = SETTING_RESTART, RANGE("5s", 100, 5 * MS_MINUTE) },
	{ ROOT("takeover.keep_done", SETTING_DURATION, takeover_keep_done_ms),
	    .flags = SETTING_RESTART, RANGE("30d", MS_HOUR, 365 * MS_DAY) },

	{ .section = SECTION_ROOT,
	    .path = "defaults.acknowledge",
	    .kind = SETTING_GROUP,
	    FIELD(draft, defaults),
	    .sub = SECTION_ACK,
	    .accepted = "a group: { when = ...; }" },
	{ .section = SECTION_ROOT,
	    .path = "policies",
	    .kind = SETTING_GROUPS,
	    .offset = offsetof(struct draft, policies),
	    .width = sizeof(struct policy_conf),
	    .count_offset = offsetof(struct draft, policy_count),
	    .sub = SECTION_POLICY,
	    .accepted = "a list of groups: ( { name = ...; }, ... )" },

	{ .section = SECTION_MEMBER,
	    .path = "name",
	    .kind = SETTING_TEXT,
	    FIELD(conf_member, name),
	    .flags = SETTING_REQUIRED,
	    .check = check_hostname,
	    .accepted = "the peer's node name" },
	{ .section = SECTION_MEMBER,
	    .path = "address",
	    .kind = SETTING_TEXT,
	    FIELD(conf_member, address),
	    .flags = SETTING_REQUIRED,
	    .check = check_endpoint,
	    .accepted = "address:port or [address]:port, no host name" },
	{ .section = SECTION_MEMBER,
	    .path = "pin",
	    .kind = SETTING_LIST,
	    COUNTED(conf_member, pins, pin_count),
	    .flags = SETTING_REQUIRED,
	    .check = check_pin,
	    .accepted = "\"sha256/...\", as shadowmxctl key show prints it, or "
			"a list of such" },
	{ .section = SECTION_MEMBER,
	    .path = "site",
	    .kind = SETTING_TEXT,
	    FIELD(conf_member, site),
	    .flags = SETTING_RESTART | SETTING_EMPTY_OK,
	    .preset = "",
	    .check = check_label,
	    .accepted = a_site },

	{ .section = SECTION_ACK,
	    .path = "when",
	    .kind = SETTING_CHOICES,
	    FIELD(ack_conf, ack.when),
	    .preset = "shadowed",
	    .words = ack_whens },
	{ .section = SECTION_ACK,
	    .path = "copies",
	    .kind = SETTING_NUMBER,
	    FIELD(ack_conf, ack.copies),
	    RANGE("1", 1, COPIES_MAX) },
	{ .section = SECTION_ACK,
	    .path = "min_copies",
	    .kind = SETTING_NUMBER,
	    FIELD(ack_conf, ack.min_copies),
	    RANGE("1", 1, COPIES_MAX) },
	{ .section = SECTION_ACK,
	    .path = "placement",
	    .kind = SETTING_CHOICE,
	    FIELD(ack_conf, placement),
	    .preset = "any",
	    .words = ack_placements },
	{ .section = SECTION_ACK,
	    .path = "sites",
	    .kind = SETTING_LIST,
	    COUNTED(ack_conf, sites, site_count),
	    .flags = SETTING_EMPTY_OK,
	    .check = check_label,
	    .accepted = "names of members' sites, or () for all" },
	{ .section = SECTION_ACK,
	    .path = "max_delay",
	    .kind = SETTING_DURATION,
	    FIELD(ack_conf, ack.max_delay_ms),
	    RANGE("10s", 100, 10 * MS_MINUTE) },
	{ .section = SECTION_ACK,
	    .path = "when_unprotected",
	    .kind = SETTING_TRIAL,
	    COUNTED(ack_conf, ack.when_unprotected, ack.tempfail_ms),
	    .low = MS_SECOND,
	    .high = 7 * MS_DAY,
	    .words = ack_unprotected,
	    .accepted = "\"accept\", \"tempfail\" or ( \"tempfail\", \"10m\", "
			"\"accept\" ) with a time from 1s to 7d" },

	{ .section = SECTION_POLICY,
	    .path = "name",
	    .kind = SETTING_TEXT,
	    FIELD(policy_conf, name),
	    .flags = SETTING_REQUIRED,
	    .check = check_policy_name,
	    .accepted = "a word for logs: letters, digits, '.', '_', '-'" },
	{ .section = SECTION_POLICY,
	    .path = "match",
	    .kind = SETTING_GROUP,
	    FIELD(policy_conf, match),
	    .sub = SECTION_MATCH,
	    .accepted = "a group: { recipients = ...; }" },
	{ .section = SECTION_POLICY,
	    .path = "acknowledge",
	    .kind = SETTING_GROUP,
	    FIELD(policy_conf, ack),
	    .sub = SECTION_ACK,
	    .accepted = "a group: { when = ...; }" },

	{ .section = SECTION_MATCH,
	    .path = "recipients",
	    .kind = SETTING_LIST,
	    COUNTED(policy_match, recipients, recipient_count),
	    .check = check_recipient,
	    .accepted = "\"user@domain\", \"user@\" or \"@domain\"" },
	{ .section = SECTION_MATCH,
	    .path = "recipient_tables",
	    .kind = SETTING_LIST,
	    COUNTED(policy_match, tables, table_count),
	    .check = check_path,
	    .accepted = "absolute paths of files with one recipient a line" },
	{ .section = SECTION_MATCH,
	    .path = "domains",
	    .kind = SETTING_LIST,
	    COUNTED(policy_match, domains, domain_count),
	    .check = check_domain,
	    .accepted = "a domain name" },
	{ .section = SECTION_MATCH,
	    .path = "client_networks",
	    .kind = SETTING_LIST,
	    COUNTED(policy_match, networks, network_count),
	    .check = check_network,
	    .accepted = a_network },
	{ .section = SECTION_MATCH,
	    .path = "client_countries",
	    .kind = SETTING_LIST,
	    COUNTED(policy_match, countries, country_count),
	    .check = check_country,
	    .accepted = "two letters of ISO 3166, as \"JP\", or \"unknown\"" },
	{ .section = SECTION_MATCH,
	    .path = "client_asns",
	    .kind = SETTING_ASNS,
	    COUNTED(policy_match, asns, asn_count),
	    .low = 1,
	    .high = UINT32_MAX,
	    .accepted = "a number from 1 to 4294967295, above 2147483647 as "
			"4200000000L, or \"unknown\"" },
	{ .section = SECTION_MATCH,
	    .path = "authenticated",
	    .kind = SETTING_FLAG,
	    FIELD(policy_match, authenticated) },
	{ .section = SECTION_MATCH,
	    .path = "min_size",
	    .kind = SETTING_SIZE,
	    FIELD(policy_match, min_size),
	    RANGE("0", 0, 4 * GIB) },
	{ .section = SECTION_MATCH,
	    .path = "max_size",
	    .kind = SETTING_SIZE,
	    FIELD(policy_match, max_size),
	    RANGE("0", 0, 4 * GIB) },
};

const size_t setting_count = sizeof(settings) / sizeof(*settings);
