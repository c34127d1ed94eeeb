/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mtacheck.h"
#include "io/mtaask.h"

/* A right installation; a row of a table below changes one thing in it. */
static const char right_main[] =
    "always_bcc = \n"
    "bounce_queue_lifetime = 5d\n"
    "compatibility_level = 3.6\n"
    "content_filter = \n"
    "default_process_limit = 100\n"
    "enable_long_queue_ids = yes\n"
    "in_flow_delay = 1s\n"
    "inet_interfaces = all\n"
    "internal_mail_filter_classes = bounce\n"
    "ipc_timeout = 3600s\n"
    "local_recipient_maps = proxy:unix:passwd.byname $alias_maps\n"
    "mail_owner = postfix\n"
    "maillog_file = \n"
    "maximal_queue_lifetime = 5d\n"
    "milter_command_timeout = 30s\n"
    "milter_content_timeout = 300s\n"
    "milter_data_macros = i\n"
    "milter_default_action = tempfail\n"
    "milter_mail_macros = i {auth_type} {auth_authen} {auth_author}\n"
    "milter_protocol = 6\n"
    "mydestination = a.example\n"
    "non_smtpd_milters = unix:shadowmx/milter.sock\n"
    "queue_directory = /var/spool/postfix\n"
    "receive_override_options = \n"
    "smtpd_client_connection_count_limit = 50\n"
    "smtpd_end_of_data_restrictions = \n"
    "smtpd_forbid_bare_newline = no\n"
    "smtpd_forbid_bare_newline_exclusions = $mynetworks\n"
    "smtpd_forbid_bare_newline_reject_code = 550\n"
    "smtpd_milter_maps = \n"
    "smtpd_milters = unix:shadowmx/milter.sock\n"
    "smtpd_proxy_filter = \n"
    "smtpd_reject_unlisted_recipient = yes\n"
    "smtpd_recipient_limit = 1000\n"
    "smtpd_relay_restrictions = permit_mynetworks, "
    "defer_unauth_destination\n"
    "soft_bounce = no\n";

#define FIELDS(id, name, type, chroot, limit, command)                         \
	id "/service = " name "\n" id "/type = " type "\n" id                  \
	   "/private = n\n" id "/unprivileged = -\n" id "/chroot = " chroot    \
	   "\n" id "/wakeup = -\n" id "/process_limit = " limit "\n" id        \
	   "/command = " command "\n"

static const char right_fields[] =
    FIELDS("smtp/inet", "smtp", "inet", "y", "-", "smtpd")
	FIELDS("submission/inet", "submission", "inet", "y", "-",
	    "smtpd -o syslog_name=postfix/submission")
	    FIELDS("cleanup/unix", "cleanup", "unix", "y", "0", "cleanup")
		FIELDS("127.0.0.1:10026/inet", "127.0.0.1:10026", "inet", "y",
		    "10", "smtpd -o smtpd_milters=");

static const char right_overrides[] =
    "127.0.0.1:10026/inet/receive_override_options = no_header_body_checks\n"
    "127.0.0.1:10026/inet/smtpd_authorized_xforward_hosts = 127.0.0.0/8\n"
    "127.0.0.1:10026/inet/smtpd_forbid_bare_newline = reject\n"
    "127.0.0.1:10026/inet/smtpd_forbid_bare_newline_exclusions =\n"
    "127.0.0.1:10026/inet/smtpd_milters =\n"
    "submission/inet/syslog_name = postfix/submission\n";

struct world {
	struct conf conf;
	struct mta_facts facts;
	struct mta_values main;
	struct mta_values raw;
	struct mta_services services;
	struct mta_check check;
	struct arena arena;
	char found[4096];
	char fixes[65536];
	size_t fix_count;
};

static void
take(void *ctx, const struct smx_finding *f)
{
	struct world *w = ctx;

	strncat(w->found, f->name, sizeof(w->found) - strlen(w->found) - 2);
	strcat(w->found, " ");
	ck_assert(f->why != NULL && f->why[0] != '\0');
	ck_assert(f->where != NULL && f->setting != NULL && f->value != NULL);
	for (size_t i = 0; i < f->fix_count; i++) {
		w->fix_count++;
		ck_assert_ptr_null(strchr(f->fixes[i].text, '\n'));
		strncat(w->fixes, f->fixes[i].text,
		    sizeof(w->fixes) - strlen(w->fixes) - 2);
		strcat(w->fixes, "\n");
	}
}

static struct world *
world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	arena_init(&w->arena);
	w->conf = (struct conf){ .node = "mx1.test.invalid",
		.milter_listen = "unix:/var/spool/postfix/shadowmx/milter.sock",
		.milter_max_held = 1000,
		.milter_max_recipients = 1000,
		.mta_config_directory = "/etc/postfix",
		.mta_queue_directory = "",
		.mta_owner = "postfix",
		.mta_submit = "127.0.0.1:10026",
		.mta_submit_amended = "",
		.mta_submit_held = "",
		.mta_log = "",
		.backup_etrn = "",
		.peers_takeover_after_ms = 600000,
		.takeover_retry_max_ms = 3600000,
		.takeover_parallel = 4 };
	w->facts = (struct mta_facts){ .asked = 1,
		.answer = "",
		.closed_folder = "",
		.closed_socket = "",
		.owner_group = "postfix",
		.no_socket = "",
		.queue_real = "/var/spool/postfix",
		.our_queue_real = "",
		.unlisted_in = "" };
	w->check = (struct mta_check){ .conf = &w->conf,
		.config_directory = "/etc/postfix",
		.main = &w->main,
		.raw = &w->raw,
		.services = &w->services,
		.facts = &w->facts,
		.max_delay_ms = 10000,
		.shadows = 1,
		.rcpt_unanswered = 1,
		.each = take,
		.ctx = w };
	return w;
}

/* The values of a service are those of main.cf with its own over them; only
 * Postfix follows $names. */
static void
merge(struct world *w, struct mta_service *s)
{
	const char *text = "";

	for (size_t i = 0; i < w->main.count; i++)
		text = mta_fmt(&w->arena, "%s%s = %s\n", text,
		    w->main.list[i].name, w->main.list[i].value);
	for (size_t i = 0; i < s->overrides.count; i++)
		text = mta_fmt(&w->arena, "%s%s = %s\n", text,
		    s->overrides.list[i].name, s->overrides.list[i].value);
	ck_assert_int_eq(mta_values_parse(&w->arena, text, &s->values), SMX_OK);
}

/* Lines behind the right ones: the last of a name counts. */
static void
world_run(struct world *w, const char *main, const char *fields,
    const char *overrides)
{
	const char *all = mta_fmt(&w->arena, "%s%s", right_main, main);

	ck_assert_int_eq(mta_values_parse(&w->arena, all, &w->main), SMX_OK);
	w->raw = w->main;
	ck_assert_int_eq(mta_services_parse(&w->arena,
			     mta_fmt(&w->arena, "%s%s", right_fields, fields),
			     mta_fmt(&w->arena, "%s%s", right_overrides,
				 overrides),
			     0, &w->services),
	    SMX_OK);
	for (size_t i = 0; i < w->services.count; i++)
		merge(w, &w->services.list[i]);
	ck_assert_int_eq(mtacheck_run(&w->check, &w->arena), SMX_OK);
}

static void
world_free(struct world *w)
{
	arena_free(&w->arena);
	free(w);
}

START_TEST(right_installation_has_no_finding)
{
	struct world *w = world_new();

	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

/* ---- one thing wrong ---- */

static const struct {
	const char *main;
	const char *overrides;
	const char *found;
} wrongs[] = {
	{ "smtpd_milters = \n", "", "milter-missing " },
	{ "smtpd_milters = inet:127.0.0.1:1\n", "", "milter-missing " },
	{ "smtpd_milters = {unix:shadowmx/milter.sock,default_action=accept}\n",
	    "", "default-action " },
	{ "smtpd_milters = { unix:shadowmx/milter.sock, { default_action = "
	  "accept } }\n",
	    "", "default-action " },
	{ "smtpd_milters = unix:shadowmx/milter.sock unix:b\n", "",
	    "milter-not-last " },
	{ "smtpd_milters = unix:/var/spool/postfix/shadowmx/milter.sock\n", "",
	    "milter-path " },
	{ "smtpd_milters = unix:/shadowmx/milter.sock\n", "", "" },
	{ "smtpd_milters = local:shadowmx/milter.sock\n", "", "" },
	{ "", "smtp/inet/smtpd_milters =\n", "milter-missing " },
	{ "", "submission/inet/smtpd_milters = inet:h:1\n", "milter-missing " },
	{ "", "smtp/inet/receive_override_options = no_milters\n",
	    "milter-off " },
	{ "milter_default_action = accept\n", "", "default-action " },
	{ "milter_default_action = reject\n", "", "default-action " },
	{ "milter_default_action = shutdown\n", "", "" },
	{ "milter_default_action = tempfial\n", "", "default-action " },
	{ "non_smtpd_milters = \n", "", "milter-missing " },
	{ "internal_mail_filter_classes = notify\n", "", "bounces-uncovered " },
	{ "enable_long_queue_ids = no\n", "", "short-queue-ids " },
	{ "", "cleanup/unix/enable_long_queue_ids = no\n", "short-queue-ids " },
	{ "milter_protocol = 4\n", "", "milter-protocol " },
	{ "milter_content_timeout = 10s\n", "", "timeout " },
	{ "milter_content_timeout = 11s\n", "", "" },
	{ "", "smtp/inet/milter_content_timeout = 1s\n", "timeout " },
	{ "ipc_timeout = 10s\n", "", "timeout " },
	{ "milter_command_timeout = 1s\n", "", "timeout " },
	{ "default_process_limit = 3\n"
	  "smtpd_client_connection_count_limit = 2\n",
	    "", "process-limit " },
	{ "default_process_limit = 50\n", "", "client-limit " },
	{ "default_process_limit = 501\n", "", "max-held " },
	{ "smtpd_recipient_limit = 1001\n", "", "recipient-limit " },
	{ "smtpd_recipient_limit = 999\n", "", "" },
	{ "", "submission/inet/smtpd_recipient_limit = 2000\n",
	    "recipient-limit " },
	{ "", "127.0.0.1:10026/inet/smtpd_recipient_limit = 50000\n", "" },
	{ "maximal_queue_lifetime = 10m\n", "", "queue-lifetime " },
	{ "maximal_queue_lifetime = 1h\n", "", "queue-lifetime " },
	{ "maximal_queue_lifetime = 61m\n", "", "" },
	{ "bounce_queue_lifetime = 0\n", "", "queue-lifetime " },
	{ "soft_bounce = yes\n", "", "soft-bounce " },
	{ "content_filter = x:y\n", "", "content-filter " },
	{ "", "smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n",
	    "proxy-filter " },
	{ "always_bcc = a@b\n", "", "copies-again " },
	{ "mail_owner = vmail\n", "", "queue-owner " },
	{ "milter_mail_macros = {auth_type} {auth_authen}\n"
	  "milter_data_macros = \n",
	    "", "queue-id-hidden " },
	{ "milter_mail_macros = i\n", "", "login-hidden " },
	{ "local_recipient_maps = \n", "", "recipients-unlisted " },
	{ "", "127.0.0.1:10026/inet/smtpd_milters = inet:h:1\n",
	    "submit-milter " },
	{ "",
	    "127.0.0.1:10026/inet/receive_override_options = "
	    "no_unknown_recipient_checks\n",
	    "submit-unchecked " },
	{ "", "127.0.0.1:10026/inet/smtpd_forbid_bare_newline = no\n",
	    "submit-newline " },
	{ "", "127.0.0.1:10026/inet/smtpd_authorized_xforward_hosts =\n",
	    "submit-trail " },
	{ "",
	    "127.0.0.1:10026/inet/smtpd_relay_restrictions = "
	    "reject_unauth_destination\n",
	    "submit-relay " },
	{ "smtpd_tls_security_level = encrypt\n", "", "submit-tls " },
	{ "smtpd_tls_security_level = may\n", "", "" },
	{ "smtpd_tls_security_level = encrypt\n",
	    "127.0.0.1:10026/inet/smtpd_tls_security_level = none\n", "" },
	{ "smtpd_enforce_tls = yes\n", "", "submit-tls " },
	{ "", "127.0.0.1:10026/inet/smtpd_tls_wrappermode = yes\n",
	    "submit-tls " },
	{ "body_checks = regexp:/x\n",
	    "127.0.0.1:10026/inet/receive_override_options =\n",
	    "submit-rechecked " },
	{ "maillog_file = /var/log/postfix.log\n", "", "mail-log " },
	{ "maillog_file = /dev/stdout\n", "", "" },
	{ "multi_instance_enable = yes\n"
	  "multi_instance_directories = /etc/postfix-out\n",
	    "", "other-instances " },
};

START_TEST(one_mistake_is_one_finding)
{
	struct world *w = world_new();

	world_run(w, wrongs[_i].main, "", wrongs[_i].overrides);
	ck_assert_str_eq(w->found, wrongs[_i].found);
	if (wrongs[_i].found[0] != '\0' &&
	    strcmp(wrongs[_i].found, "other-instances ") != 0)
		ck_assert_uint_gt(w->fix_count, 0);
	world_free(w);
}
END_TEST

/* ---- what only the caller knows ---- */

START_TEST(slow_discards_matter_only_to_who_discards)
{
	struct world *w = world_new();

	w->check.discards = 1;
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "in-flow-delay ");
	ck_assert_ptr_nonnull(strstr(w->fixes, "'in_flow_delay = 0'"));
	w->found[0] = '\0';
	world_run(w, "in_flow_delay = 0\n", "", "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

START_TEST(resend_guard_discards)
{
	struct world *w = world_new();

	w->conf.milter_resend_guard_ms = 1000;
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "in-flow-delay ");
	world_free(w);
}
END_TEST

/* ---- delivered ---- */

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define RIGHT    "in_flow_delay = 0\n"

static const struct {
	const char *main;
	const char *fields;
	const char *overrides;
	int delivers;
	const char *found;
	const char *fix; /* is among the lines */
} delivers[] = {
	{ RIGHT, "", "", 1, "", NULL },
	{ "", "", "", 1, "in-flow-delay ", "'in_flow_delay = 0'" },
	{ RIGHT "smtpd_milters = \n", "", "", 1, "milter-missing ",
	    "smtpd_milters" },
	/* it is asked, and then the next hop has the message */
	{ RIGHT "content_filter = scan:[127.0.0.1]:10024\n", "", "", 1,
	    "delivered-unfiltered ", "'content_filter = '" },
	{ RIGHT "smtpd_milters = inet:127.0.0.1:11332, "
		"unix:shadowmx/milter.sock\n",
	    "", "", 1, "delivered-milters ", NULL },
	{ "smtpd_milters = inet:127.0.0.1:11332, unix:shadowmx/milter.sock\n",
	    "", "", 0, "", NULL },
	{ RIGHT "milter_command_timeout = 8s\n", "", "", 1, "timeout ",
	    "'milter_command_timeout = 30s'" },
	{ RIGHT "milter_command_timeout = 11s\n", "", "", 1, "", NULL },
	{ "milter_command_timeout = 8s\n", "", "", 0, "", NULL },
	{ RIGHT "smtpd_milters = { unix:shadowmx/milter.sock, "
		"command_timeout = 9s }\n",
	    "", "", 1, "timeout timeout ", "command_timeout=30s" },
	{ RIGHT "milter_content_timeout = 10s\n", "", "", 1, "timeout ",
	    "milter_content_timeout" },
	/* no shadow is asked for: bounces have none */
	{ RIGHT "internal_mail_filter_classes = \n", "", "", 1, "", NULL },
};

static struct world *
world_delivers(void)
{
	struct world *w = world_new();

	w->check.delivers = 1;
	w->check.shadows = 0;
	w->conf.delivery_rcpt_wait_ms = 8000;
	return w;
}

START_TEST(delivery_asks_more_of_the_mta)
{
	struct world *w = world_delivers();

	w->check.delivers = delivers[_i].delivers;
	w->check.shadows = !delivers[_i].delivers;
	world_run(w, delivers[_i].main, delivers[_i].fields,
	    delivers[_i].overrides);
	ck_assert_str_eq(w->found, delivers[_i].found);
	if (delivers[_i].fix != NULL)
		ck_assert_ptr_nonnull(strstr(w->fixes, delivers[_i].fix));
	world_free(w);
}
END_TEST

/* ---- the backup MX ---- */

#define NAMED                                                                  \
	{                                                                      \
		{ "c.example" }, 1, 1                                          \
	}

static const char *const primaries[] = { "smtp:[192.0.2.9]:25",
	"smtp:[mx1.c.example]:25" };

static const struct {
	const char *main;
	struct mta_facts facts; /* what the backup has of it */
	const char *log;
	const char *found;
	const char *fix;
} backups[] = {
	{ "", { 0 }, "/var/log/mail.log", "", NULL },
	{ "smtpd_milters = \n", { 0 }, "/var/log/mail.log", "milter-missing ",
	    NULL },
	{ "",
	    { .backup_local = NAMED, .backup_local_setting = "mydestination" },
	    "/var/log/mail.log", "backup-local ", NULL },
	{ "relay_domains = b.example\n", { .backup_foreign = NAMED },
	    "/var/log/mail.log", "backup-refused ",
	    "'relay_domains = b.example, c.example'" },
	/* nothing of a stranger's gets into a shell */
	{ "", { .backup_foreign = { { "$(id).example" }, 1, 1 } },
	    "/var/log/mail.log", "backup-refused ", "" },
	{ "relayhost = [192.0.2.1]\n", { .backup_unrouted = NAMED },
	    "/var/log/mail.log", "backup-route ", NULL },
	{ "", { .backup_unchecked = 7 }, "/var/log/mail.log",
	    "backup-unchecked ", NULL },
	{ "relay_recipient_maps = hash:/etc/r\n", { 0 }, "/var/log/mail.log",
	    "backup-recipients ", NULL },
	{ "smtpd_recipient_restrictions = reject_unverified_recipient\n", { 0 },
	    "/var/log/mail.log", "backup-verify ", NULL },
	{ "inet_interfaces = 127.0.0.1, 192.0.2.9\n", { 0 },
	    "/var/log/mail.log", "backup-self ", NULL },
	{ "myhostname = mx1.c.example\n", { 0 }, "/var/log/mail.log",
	    "backup-self ", NULL },
	{ "", { 0 }, "", "backup-log ",
	    "mta = { log = \"/var/log/mail.log\"; };" },
	{ "maximal_queue_lifetime = 3d\n", { 0 }, "/var/log/mail.log",
	    "backup-lifetime ", "backup = { queue_lifetime = \"3d\"; };" },
	{ "milter_command_timeout = 7s\n", { 0 }, "/var/log/mail.log",
	    "timeout ", "'milter_command_timeout = 30s'" },
};

START_TEST(a_backup_mx_needs_more_of_the_mta)
{
	struct world *w = world_new();

	w->check.shadows = 0;
	w->check.backs_up = 1;
	w->check.primaries = primaries;
	w->check.primary_count = COUNT(primaries);
	w->conf.backup_rcpt_wait_ms = 5000;
	w->conf.backup_queue_lifetime_ms = 5 * (int64_t)86400000;
	w->conf.mta_log = backups[_i].log;
	w->facts.backup_local = backups[_i].facts.backup_local;
	w->facts.backup_local_setting = backups[_i].facts.backup_local_setting;
	w->facts.backup_foreign = backups[_i].facts.backup_foreign;
	w->facts.backup_unrouted = backups[_i].facts.backup_unrouted;
	w->facts.backup_unchecked = backups[_i].facts.backup_unchecked;
	world_run(w, backups[_i].main, "", "");
	ck_assert_str_eq(w->found, backups[_i].found);
	if (backups[_i].fix != NULL && backups[_i].fix[0] == '\0')
		ck_assert_str_eq(w->fixes, "");
	else if (backups[_i].fix != NULL)
		ck_assert_msg(strstr(w->fixes, backups[_i].fix) != NULL, "%s",
		    w->fixes);
	world_free(w);
}
END_TEST

#define ETRN_FIX                                                               \
	"'smtpd_etrn_restrictions = check_policy_service "                     \
	"{unix:shadowmx/etrn.sock, default_action=DUNNO}"

static const struct {
	const char *main;
	const char *overrides;
	const char *listen;
	const char *found;
	const char *fix;
} etrns[] = {
	{ "", "", "", "", NULL },
	{ "", "", "unix:/var/spool/postfix/shadowmx/etrn.sock", "etrn ",
	    ETRN_FIX "'" },
	{ "smtpd_etrn_restrictions = permit_mynetworks, reject\n", "",
	    "unix:/var/spool/postfix/shadowmx/etrn.sock", "etrn ",
	    ETRN_FIX ", permit_mynetworks, reject'" },
	{ "smtpd_etrn_restrictions = check_policy_service "
	  "unix:shadowmx/etrn.sock\n",
	    "", "unix:/var/spool/postfix/shadowmx/etrn.sock", "", NULL },
	{ "smtpd_etrn_restrictions = permit_mynetworks, check_policy_service "
	  "{ unix:shadowmx/etrn.sock, default_action = DUNNO }, reject\n",
	    "", "unix:/var/spool/postfix/shadowmx/etrn.sock", "", NULL },
	/* in a chroot that is another path */
	{ "smtpd_etrn_restrictions = check_policy_service "
	  "unix:/var/spool/postfix/shadowmx/etrn.sock\n",
	    "", "unix:/var/spool/postfix/shadowmx/etrn.sock", "etrn ",
	    ETRN_FIX },
	{ "smtpd_etrn_restrictions = check_policy_service "
	  "unix:private/other\n",
	    "", "unix:/var/spool/postfix/shadowmx/etrn.sock", "etrn ",
	    ETRN_FIX },
	/* the word alone is none of a service */
	{ "smtpd_etrn_restrictions = permit unix:shadowmx/etrn.sock\n", "",
	    "unix:/var/spool/postfix/shadowmx/etrn.sock", "etrn ", ETRN_FIX },
	{ "smtpd_etrn_restrictions = reject\n",
	    "submission/inet/smtpd_etrn_restrictions = check_policy_service "
	    "inet:127.0.0.1:9998\n",
	    "inet:9998@127.0.0.1", "", NULL },
	{ "", "", "inet:9998@127.0.0.1", "etrn ",
	    "{inet:127.0.0.1:9998, default_action=DUNNO}" },
};

START_TEST(an_etrn_has_to_be_asked_about)
{
	struct world *w = world_new();

	w->check.backs_up = 1;
	w->check.shadows = 0;
	w->conf.mta_log = "/var/log/mail.log";
	w->conf.backup_queue_lifetime_ms = 5 * (int64_t)86400000;
	w->conf.backup_etrn = etrns[_i].listen;
	world_run(w, etrns[_i].main, "", etrns[_i].overrides);
	ck_assert_str_eq(w->found, etrns[_i].found);
	if (etrns[_i].fix != NULL)
		ck_assert_msg(strstr(w->fixes, etrns[_i].fix) != NULL, "%s",
		    w->fixes);
	world_free(w);
}
END_TEST

START_TEST(who_is_no_backup_mx_needs_nothing_of_it)
{
	struct world *w = world_new();

	world_run(w, "maximal_queue_lifetime = 3d\n", "", "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

static const struct {
	struct mta_rewrite rewrite;
	const char *found;
	const char *fix;
} rewrites[] = {
	{ { .setting = "virtual_alias_maps",
	      .table = "hash:/etc/aliases",
	      .word = "aliases",
	      .does = "makes other addresses of",
	      .policy = "edge",
	      .entries = 9,
	      .names = { { "a@b.example", "@c.example" }, 2, 2 } },
	    "delivered-rewritten ",
	    "# first of policies: { name = \"mta-aliases\"; match = { "
	    "recipients = ( \"a@b.example\", \"@c.example\" ); }; "
	    "acknowledge = { when = (); }; }," },
	{ { .setting = "recipient_bcc_maps",
	      .table = "hash:/etc/bcc",
	      .word = "copies",
	      .does = "copies",
	      .policy = "edge",
	      .names = { { "a@b.example" }, 1, 5 } },
	    "delivered-rewritten ", "( \"a@b.example\", ... )" },
	{ { .setting = "always_bcc",
	      .table = "x@y.example",
	      .word = "",
	      .does = "copies",
	      .policy = "edge",
	      .all = 1 },
	    "delivered-rewritten ", "'always_bcc = '" },
	{ { .setting = "virtual_alias_maps",
	      .table = "ldap:/etc/x",
	      .word = "aliases",
	      .does = "copies",
	      .policy = "edge",
	      .unlisted = "no" },
	    "delivered-unknown ", NULL },
	{ { .setting = "virtual_alias_maps",
	      .table = "hash:/etc/x",
	      .word = "aliases",
	      .does = "copies",
	      .policy = "edge",
	      .entries = 9 },
	    "", NULL },
};

START_TEST(what_the_mta_makes_of_addresses_is_left_out)
{
	struct world *w = world_delivers();

	w->facts.rewrites[0] = rewrites[_i].rewrite;
	w->facts.rewrite_count = 1;
	world_run(w, RIGHT, "", "");
	ck_assert_str_eq(w->found, rewrites[_i].found);
	if (rewrites[_i].fix != NULL)
		ck_assert_msg(strstr(w->fixes, rewrites[_i].fix) != NULL, "%s",
		    w->fixes);
	/* nobody delivers: nobody cares */
	w->found[0] = '\0';
	w->check.delivers = 0;
	w->check.shadows = 1;
	world_run(w, RIGHT, "", "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

static const struct {
	const char *main;
	const char *program;
	const char *found;
} locals[] = {
	{ RIGHT "local_transport = local:$myhostname\n", "local",
	    "delivered-local " },
	{ RIGHT "local_transport = local\n", "local", "delivered-local " },
	{ RIGHT "local_transport = local\n", "lmtp", "" },
	{ RIGHT "local_transport = lmtp:unix:x\n", "local", "" },
};

START_TEST(mail_that_local_delivers_has_aliases)
{
	struct world *w = world_delivers();

	w->facts.local_names = (struct mta_names){ { "@a.example" }, 1, 1 };
	w->facts.local_policy = "edge";
	w->check.shadows = 1;
	world_run(w, locals[_i].main,
	    strcmp(locals[_i].program, "local") == 0
		? FIELDS("local/unix", "local", "unix", "n", "-", "local")
		: FIELDS("local/unix", "local", "unix", "n", "-", "lmtp"),
	    "");
	ck_assert_str_eq(w->found, locals[_i].found);
	if (locals[_i].found[0] != '\0')
		ck_assert_ptr_nonnull(strstr(w->fixes,
		    "{ name = \"mta-local\"; match = { recipients = ( "
		    "\"@a.example\" ); }; acknowledge = { when = ( "
		    "\"shadowed\" ); }; },"));
	world_free(w);
}
END_TEST

START_TEST(without_shadows_milters_do_not_matter)
{
	struct world *w = world_new();

	w->check.shadows = 0;
	world_run(w, "smtpd_milters = \ninternal_mail_filter_classes = \n", "",
	    "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

START_TEST(refusing_policy_makes_accept_an_error)
{
	struct world *w = world_new();

	w->check.refuses = 1;
	world_run(w, "milter_default_action = accept\n", "", "");
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "-e 'milter_default_action = tempfail'"));
	world_free(w);
}
END_TEST

START_TEST(recipients_as_many_as_the_mta_takes_anywhere)
{
	struct world *w = world_new();

	world_run(w, "smtpd_recipient_limit = 1500\n", "",
	    "submission/inet/smtpd_recipient_limit = 3000\n");
	ck_assert_str_eq(w->found, "recipient-limit ");
	ck_assert_str_eq(w->fixes, "milter = { max_recipients = 3000; };\n");
	world_free(w);
}
END_TEST

START_TEST(mta_takes_no_more_recipients_than_can_be_kept)
{
	struct world *w = world_new();

	world_run(w, "smtpd_recipient_limit = 1500\n", "",
	    "submission/inet/smtpd_recipient_limit = 50001\n");
	ck_assert_str_eq(w->found, "recipient-limit ");
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "-e 'smtpd_recipient_limit = 1000'"));
	ck_assert_ptr_nonnull(strstr(w->fixes,
	    "-P 'submission/inet/smtpd_recipient_limit=1000'"));
	ck_assert_uint_eq(w->fix_count, 2);
	world_free(w);
}
END_TEST

START_TEST(recipients_that_are_answered_are_divided_by_the_client)
{
	struct world *w = world_new();

	w->check.rcpt_unanswered = 0;
	world_run(w, "smtpd_recipient_limit = 60000\n", "", "");
	ck_assert_str_eq(w->found, "");
	world_free(w);
}
END_TEST

START_TEST(longer_delay_needs_more_processes)
{
	struct world *w = world_new();

	w->check.max_delay_ms = 100000;
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "process-limit ");
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "'default_process_limit = 500'"));
	world_free(w);
}
END_TEST

START_TEST(unasked_mta_is_one_warning)
{
	struct world *w = world_new();

	w->facts.asked = 0;
	w->facts.answer = "postconf was not found";
	world_run(w, "smtpd_milters = \n", "", "");
	ck_assert_str_eq(w->found, "mta-unasked ");
	world_free(w);
}
END_TEST

START_TEST(facts_of_the_machine_are_told)
{
	struct world *w = world_new();

	w->facts.closed_socket = "/s";
	w->facts.our_queue_real = "/other";
	w->facts.unlisted_in = "/etc/postfix/main.cf";
	w->conf.mta_log = "/var/log/mail's.log";
	w->facts.log_unreadable = 1;
	w->facts.log_of_root = 1;
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "queue-directory socket-closed mail-log "
				   "unlisted-instance ");
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "chgrp adm '/var/log/mail'\\''s.log'\n"));
	world_free(w);
}
END_TEST

START_TEST(log_that_a_start_cannot_open_is_told)
{
	struct world *w = world_new();

	w->facts.log_unwritable = 1;
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "");
	w->conf.mta_log = "/var/log/mail.log";
	world_run(w, "maillog_file = /var/log/mail.log\n", "", "");
	ck_assert_str_eq(w->found, "mail-log-owner ");
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "chown postfix '/var/log/mail.log'\n"));
	world_free(w);
}
END_TEST

/* ---- ways in ---- */

START_TEST(missing_way_in_comes_whole)
{
	struct world *w = world_new();

	w->conf.mta_submit_held = "127.0.0.1:10028";
	world_run(w, "", "", "");
	ck_assert_str_eq(w->found, "submit-missing ");
	ck_assert_ptr_nonnull(strstr(w->fixes,
	    "postconf -c '/etc/postfix' -M '127.0.0.1:10028/inet="
	    "127.0.0.1:10028 inet n - y - 10 smtpd "));
	ck_assert_ptr_nonnull(
	    strstr(w->fixes, "-o smtpd_end_of_data_restrictions="
			     "check_client_access,static:HOLD"));
	ck_assert_ptr_nonnull(strstr(w->fixes, "no_address_mappings"));
	world_free(w);
}
END_TEST

START_TEST(old_postfix_gets_no_setting_it_does_not_know)
{
	struct world *w = world_new();
	struct mta_value *list;

	w->conf.mta_submit_held = "127.0.0.1:10028";
	/* without the three of bare newlines */
	world_run(w, "", "", "");
	w->found[0] = w->fixes[0] = '\0';
	list = w->main.list;
	for (size_t i = 0; i < w->main.count; i++) {
		if (strstr(list[i].name, "bare_newline") == NULL)
			continue;
		memmove(&list[i], &list[i + 1],
		    (w->main.count - i - 1) * sizeof(*list));
		w->main.count--;
		i--;
	}
	for (size_t i = 0; i < w->services.count; i++)
		w->services.list[i].values = w->main;
	ck_assert_int_eq(mtacheck_run(&w->check, &w->arena), SMX_OK);
	ck_assert_ptr_nonnull(strstr(w->found, "submit-missing"));
	ck_assert_ptr_null(strstr(w->fixes, "bare_newline"));
	world_free(w);
}
END_TEST

START_TEST(exposed_way_in_is_moved)
{
	struct world *w = world_new();

	w->conf.mta_submit = "127.0.0.1:10099";
	world_run(w, "",
	    FIELDS("10099/inet", "10099", "inet", "n", "10", "smtpd"),
	    "10099/inet/smtpd_milters =\n"
	    "10099/inet/smtpd_authorized_xforward_hosts = 127.0.0.0/8\n"
	    "10099/inet/smtpd_forbid_bare_newline = reject\n"
	    "10099/inet/smtpd_forbid_bare_newline_exclusions =\n");
	/* The one that is not ours any more is a way in without a milter. */
	ck_assert_str_eq(w->found, "milter-missing submit-exposed ");
	ck_assert_ptr_nonnull(strstr(w->fixes, "-MX '10099/inet'"));
	world_free(w);
}
END_TEST

/* ---- taking apart ---- */

START_TEST(milters_are_taken_apart)
{
	struct mta_milter m[MTA_MILTERS_MAX];
	struct arena arena;

	arena_init(&arena);
	ck_assert_uint_eq(mta_milters_parse(&arena,
			      "unix:a, inet:h:1\t{ unix:b, default_action = "
			      "accept, { content_timeout = 5s } },{unix:c,"
			      "command_timeout=7s} DISABLE",
			      m),
	    4);
	ck_assert_str_eq(m[0].endpoint, "unix:a");
	ck_assert_str_eq(m[1].text, "inet:h:1");
	ck_assert_str_eq(m[2].endpoint, "unix:b");
	ck_assert_str_eq(m[2].default_action, "accept");
	ck_assert_str_eq(m[2].content_timeout, "5s");
	ck_assert_str_eq(m[2].text,
	    "{unix:b,default_action=accept,content_timeout=5s}");
	ck_assert_str_eq(m[3].command_timeout, "7s");
	ck_assert_ptr_null(m[3].default_action);
	arena_free(&arena);
}
END_TEST

static const char *const odd_lists[] = { "", "{", "}", "{}", "{{", "{ ", "}}{",
	"{=", "{a =", "{unix:a default_action=}",
	"{unix:a, default_action =", ",,,", "{unix:{x}", "unix:", ":" };

START_TEST(broken_lists_are_survived)
{
	struct mta_milter m[MTA_MILTERS_MAX];
	struct arena arena;
	size_t count;

	arena_init(&arena);
	count = mta_milters_parse(&arena, odd_lists[_i], m);
	ck_assert_uint_le(count, 1);
	for (size_t i = 0; i < count; i++)
		ck_assert(m[i].endpoint != NULL && m[i].text != NULL);
	arena_free(&arena);
}
END_TEST

START_TEST(long_lists_are_cut)
{
	struct mta_milter m[MTA_MILTERS_MAX];
	struct mta_values values;
	struct mta_services services;
	struct arena arena;
	struct buf text;

	arena_init(&arena);
	buf_init(&text, 0);
	for (int i = 0; i < 5000; i++)
		buf_fmt(&text, "unix:m%d ", i);
	ck_assert_uint_eq(mta_milters_parse(&arena, text.data, m),
	    MTA_MILTERS_MAX);
	buf_clear(&text);
	for (int i = 20000; i > 0; i--)
		buf_fmt(&text, "name%d = x\n", i);
	ck_assert_int_eq(mta_values_parse(&arena, text.data, &values), SMX_OK);
	ck_assert_uint_eq(values.count, MTA_VALUES_MAX);
	buf_clear(&text);
	for (int i = 0; i < 5000; i++)
		buf_fmt(&text, "s%d/inet/command = smtpd\n", i);
	ck_assert_int_eq(mta_services_parse(&arena, text.data, "", 0,
			     &services),
	    SMX_OK);
	ck_assert_uint_eq(services.count, MTA_SERVICES_MAX);
	buf_free(&text);
	arena_free(&arena);
}
END_TEST

START_TEST(lines_that_say_nothing_are_left_out)
{
	struct mta_values values;
	struct mta_services services;
	struct arena arena;

	arena_init(&arena);
	ck_assert_int_eq(mta_values_parse(&arena,
			     "\n = x\nno sign\nb =\na = 1\na=2\n\nc = d = e",
			     &values),
	    SMX_OK);
	ck_assert_uint_eq(values.count, 3);
	ck_assert_str_eq(mta_text(&values, "a"), "2");
	ck_assert_str_eq(mta_text(&values, "b"), "");
	ck_assert_str_eq(mta_text(&values, "c"), "d = e");
	ck_assert_ptr_null(mta_value(&values, "d"));
	ck_assert_int_eq(mta_services_parse(&arena,
			     "x = y\n/inet = z\na/b = c\n/// = d\nq/w/e = r\n",
			     "q/w/p = 1\nz/z/z = 2\n", 1, &services),
	    SMX_OK);
	ck_assert_str_eq(services.list[services.count - 1].id, "q/w");
	ck_assert_uint_eq(services.list[services.count - 1].overrides.count, 1);
	arena_free(&arena);
}
END_TEST

static const struct {
	const char *text;
	int64_t ms;
} spans[] = { { "10", 10000 }, { "300s", 300000 }, { "5d", 432000000 },
	{ "2w", 1209600000 }, { "0", 0 }, { "", -1 }, { "x", -1 }, { "5x", -1 },
	{ "5ss", -1 }, { "-1", -1 }, { "99999999999999999999d", -1 } };

START_TEST(times_are_read)
{
	ck_assert_int_eq(mta_span_ms(spans[_i].text, 1000), spans[_i].ms);
}
END_TEST

/* ---- asking ---- */

START_TEST(answer_over_the_ceiling_is_refused)
{
	const char *const argv[] = { "-d", NULL };
	struct buf out;
	char why[256];
	int rc;

	buf_init(&out, 100);
	rc = mta_ask("postconf", argv, &out, why, sizeof(why));
	ck_assert(rc == SMX_ELIMIT || rc == SMX_ENOTFOUND);
	buf_free(&out);
}
END_TEST

START_TEST(program_that_says_no_is_quoted)
{
	const char *const argv[] = { "-c", "/nonexistent/folder", "-x", NULL };
	struct buf out;
	char why[256] = "";
	int rc;

	buf_init(&out, 1000000);
	rc = mta_ask("postconf", argv, &out, why, sizeof(why));
	ck_assert(rc == SMX_EREFUSED || rc == SMX_ENOTFOUND);
	ck_assert_str_ne(why, "");
	buf_free(&out);
	rc = mta_ask("no-such-program", argv, &out, why, sizeof(why));
	ck_assert_int_eq(rc, SMX_ENOTFOUND);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mtacheck");
	TCase *tc = tcase_create("judging");
	SRunner *sr;
	int failed;

	tcase_add_test(tc, right_installation_has_no_finding);
	tcase_add_loop_test(tc, one_mistake_is_one_finding, 0,
	    sizeof(wrongs) / sizeof(*wrongs));
	tcase_add_test(tc, slow_discards_matter_only_to_who_discards);
	tcase_add_test(tc, resend_guard_discards);
	tcase_add_loop_test(tc, delivery_asks_more_of_the_mta, 0,
	    COUNT(delivers));
	tcase_add_loop_test(tc, what_the_mta_makes_of_addresses_is_left_out, 0,
	    COUNT(rewrites));
	tcase_add_loop_test(tc, mail_that_local_delivers_has_aliases, 0,
	    COUNT(locals));
	tcase_add_loop_test(tc, an_etrn_has_to_be_asked_about, 0, COUNT(etrns));
	tcase_add_loop_test(tc, a_backup_mx_needs_more_of_the_mta, 0,
	    COUNT(backups));
	tcase_add_test(tc, who_is_no_backup_mx_needs_nothing_of_it);
	tcase_add_test(tc, without_shadows_milters_do_not_matter);
	tcase_add_test(tc, refusing_policy_makes_accept_an_error);
	tcase_add_test(tc, recipients_as_many_as_the_mta_takes_anywhere);
	tcase_add_test(tc, mta_takes_no_more_recipients_than_can_be_kept);
	tcase_add_test(tc,
	    recipients_that_are_answered_are_divided_by_the_client);
	tcase_add_test(tc, longer_delay_needs_more_processes);
	tcase_add_test(tc, unasked_mta_is_one_warning);
	tcase_add_test(tc, facts_of_the_machine_are_told);
	tcase_add_test(tc, log_that_a_start_cannot_open_is_told);
	tcase_add_test(tc, missing_way_in_comes_whole);
	tcase_add_test(tc, old_postfix_gets_no_setting_it_does_not_know);
	tcase_add_test(tc, exposed_way_in_is_moved);
	tcase_add_test(tc, milters_are_taken_apart);
	tcase_add_loop_test(tc, broken_lists_are_survived, 0,
	    sizeof(odd_lists) / sizeof(*odd_lists));
	tcase_add_test(tc, long_lists_are_cut);
	tcase_add_test(tc, lines_that_say_nothing_are_left_out);
	tcase_add_loop_test(tc, times_are_read, 0,
	    sizeof(spans) / sizeof(*spans));
	tcase_add_test(tc, answer_over_the_ceiling_is_refused);
	tcase_add_test(tc, program_that_says_no_is_quoted);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
