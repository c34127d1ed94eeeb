/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/milter.h>

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libmilter/mfapi.h>

#include "base/crash.h"
#include "base/log.h"
#include "core/conf.h"
#include "core/policy.h"
#include "glue/client.h"
#include "glue/conns.h"
#include "glue/node.h"
#include "glue/reply.h"
#include "glue/selfping.h"
#include "glue/session.h"
#include "glue/stopper.h"

/*
 * Callbacks translate: libmilter in, session out, verdict back.  The MTA is
 * asked not to wait for answers that nearly always are "go on"; what goes wrong
 * is told with the next answer that it waits for.  The end of the header shows
 * in what comes next: each step costs libmilter three system calls.
 */
#define STEPS_WANTED                                                           \
	(SMFIP_HDR_LEADSPC | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_HELO | \
	    SMFIP_NR_MAIL | SMFIP_NR_HDR | SMFIP_NOEOH | SMFIP_NR_EOH |        \
	    SMFIP_NR_BODY)

/* For half a command and for an idle session alike, so more than an MTA would
 * ever leave one idle. */
#define TIMEOUT_S 7210

#define BACKLOG 1024

/* The reply is written after the callback has returned. */
#define GRACE_MS 200

#define PROGRESS_FIRST_MS 500

static struct selfping self;
static atomic_ulong last_steps; /* of the latest negotiation */

static const char *
macro(SMFICTX *ctx, const char *name)
{
	char copy[32];

	snprintf(copy, sizeof(copy), "%s", name);
	return smfi_getsymval(ctx, copy);
}

/* smfi_setreply takes a pattern: '%' has to be doubled. */
static sfsistat
refuse(SMFICTX *ctx, const char *code, const char *enhanced, const char *text)
{
	char c[4], e[12], t[520];
	size_t n = 0;

	for (; *text != '\0' && n + 2 < sizeof(t); text++) {
		if (*text == '%')
			t[n++] = '%';
		t[n++] = *text;
	}
	t[n] = '\0';
	snprintf(c, sizeof(c), "%s", code);
	snprintf(e, sizeof(e), "%s", enhanced);
	(void)smfi_setreply(ctx, c, e, t);
	return code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static sfsistat
refuse_for(SMFICTX *ctx, int error)
{
	const struct reply_words *w = reply_words(reply_for(error));

	return refuse(ctx, w->code, w->enhanced, w->text);
}

static sfsistat
quiet(const struct conn *conn, unsigned long step)
{
	return (conn->steps & step) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* Out of the gate again, with the answer to a step that was rc.  The first
 * error counts; one at RCPT that can be told there is over with that.
 */
static sfsistat
leave(SMFICTX *ctx, struct conn *conn, unsigned long step, int rc)
{
	sfsistat status = quiet(conn, step);
	int error = conn->untold != SMX_OK ? conn->untold : rc;

	if (status == SMFIS_NOREPLY)
		conn->untold = error;
	conns_leave();
	return status == SMFIS_NOREPLY || error == SMX_OK
		   ? status
		   : refuse_for(ctx, error);
}

/* The MTA waits for no answer here: the session keeps what went wrong and tells
 * it at the end of message. */
static void
keep(int rc)
{
	(void)rc;
}

/* Through the gate, with the connection's session; NULL: neither. */
static struct conn *
enter(SMFICTX *ctx)
{
	struct conn *conn;

	if (!conns_enter())
		return NULL;
	conn = smfi_getpriv(ctx);
	if (conn != NULL && conn->session != NULL)
		return conn;
	conns_leave();
	return NULL;
}

/*
 * At RCPT the MTA waits where a recipient may have to come in another message,
 * at DATA where a policy may spare it the rest.
 */
static unsigned long
wanted_steps(void)
{
	struct smx_config *config = node_config(conns_engine());
	unsigned long steps = STEPS_WANTED;

	if (!policy_may_skip(config))
		steps |= SMFIP_NODATA | SMFIP_NR_DATA;
	if (!policy_answers_rcpt(config))
		steps |= SMFIP_NR_RCPT;
	smx_config_release(&config);
	return steps;
}

/*
 * Macros that nobody reads cost the MTA more than the bytes: for some of MAIL
 * and RCPT it asks another process how it would route the address.
 */
static unsigned long
ask_macros(SMFICTX *ctx, unsigned long offered)
{
	char connect[] = "{daemon_name}";
	char mail[] = "i {tls_version} {auth_type} {auth_authen}";
	char rcpt[] = "i";

	if ((offered & SMFIF_SETSYMLIST) == 0 ||
	    smfi_setsymlist(ctx, SMFIM_CONNECT, connect) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_ENVFROM, mail) != MI_SUCCESS ||
	    smfi_setsymlist(ctx, SMFIM_ENVRCPT, rcpt) != MI_SUCCESS)
		return 0;
	return SMFIF_SETSYMLIST;
}

static unsigned long
wanted_actions(void)
{
	struct smx_config *config = node_config(conns_engine());
	const struct conf *conf = config_conf(config);
	int holds = policy_backs_up(config);
	int strikes = conf->milter_resend_guard_ms > 0 ||
		      policy_delivers(config) ||
		      (holds && conf->mta_submit_held[0] != '\0');

	smx_config_release(&config);
	return (strikes ? SMFIF_DELRCPT : 0) | (holds ? SMFIF_QUARANTINE : 0);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *pf0, unsigned long *pf1,
    unsigned long *pf2, unsigned long *pf3)
{
	struct conn *conn;

	(void)f2, (void)f3;
	*pf0 = ask_macros(ctx, f0);
	*pf1 = *pf2 = *pf3 = 0;
	if (!conns_enter())
		return SMFIS_CONTINUE;
	*pf0 |= f0 & wanted_actions();
	*pf1 = f1 & wanted_steps();
	conn = smfi_getpriv(ctx);
	if (conn == NULL)
		conn = conns_add();
	if (conn != NULL) {
		conn->steps = *pf1;
		conn->strikes = (*pf0 & SMFIF_DELRCPT) != 0;
		conn->holds = (*pf0 & SMFIF_QUARANTINE) != 0;
	}
	last_steps = *pf1;
	(void)smfi_setpriv(ctx, conn);
	conns_leave();
	return SMFIS_CONTINUE;
}

/* A next hop is asked about a recipient: no progress is told at this step, but
 * the pool is one thread short, as at an end of message. */
static int
on_rcpt_waiting(void *arg, int64_t waited_ms)
{
	struct conn *conn = arg;
	struct conns_sight sight;

	if (!conn->waits)
		conns_ending(1);
	conn->waits = 1;
	conns_look(&sight);
	selfping_help(&self, sight.idle, sight.spare, waited_ms);
	return 0;
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *from)
{
	char address[INET6_ADDRSTRLEN];
	struct smx_session_client client = { .name = name };
	struct conn *conn;
	sfsistat status = SMFIS_TEMPFAIL;

	if (!conns_enter())
		return SMFIS_TEMPFAIL;
	/* Without a negotiation of its own: a connection that is used again. */
	conn = smfi_getpriv(ctx);
	if (conn == NULL && (conn = conns_add()) != NULL) {
		conn->steps = last_steps;
		(void)smfi_setpriv(ctx, conn);
	}
	client_address(from, address, &client);
	client.daemon = macro(ctx, "{daemon_name}");
	if (conn != NULL) {
		smx_session_free(&conn->session);
		if (smx_session_new(&conn->session, conns_engine(), &client) ==
		    SMX_OK) {
			session_whole(conn->session,
			    (conn->steps & SMFIP_NR_RCPT) != 0);
			session_guard(conn->session, conn->strikes);
			session_backup(conn->session, 1, conn->holds);
			session_waiting(conn->session, on_rcpt_waiting, conn);
			status = quiet(conn, SMFIP_NR_CONN);
		}
	}
	conns_leave();
	return status;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	struct conn *conn = enter(ctx);
	sfsistat status;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	(void)smx_session_helo(conn->session, name);
	status = quiet(conn, SMFIP_NR_HELO);
	conns_leave();
	return status;
}

static size_t
params(char **argv)
{
	size_t count = 0;

	while (argv[0] != NULL && argv[count + 1] != NULL)
		count++;
	return count;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct conn *conn = enter(ctx);
	int rc;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	session_secure(conn->session, macro(ctx, "{tls_version}") != NULL);
	rc = smx_session_auth(conn->session, macro(ctx, "{auth_type}"),
	    macro(ctx, "{auth_authen}"));
	if (rc == SMX_OK)
		rc = smx_session_mail(conn->session, argv[0],
		    (const char *const *)argv + 1, params(argv));
	if (rc == SMX_OK)
		(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
	conn->untold = SMX_OK;
	return leave(ctx, conn, SMFIP_NR_MAIL, rc);
}

/* The next hop's own words; there is an answer to RCPT, or nobody was asked. */
static sfsistat
refuse_in_its_words(SMFICTX *ctx, const struct conn *conn)
{
	struct smx_verdict verdict;

	session_reply(conn->session, &verdict);
	conns_leave();
	return refuse(ctx, verdict.code, verdict.enhanced, verdict.text);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct conn *conn = enter(ctx);
	int rc = SMX_EINVAL;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
	if (argv[0] != NULL && conn->untold == SMX_OK)
		rc = smx_session_rcpt(conn->session, argv[0],
		    (const char *const *)argv + 1, params(argv));
	if (conn->waits)
		conns_ending(0);
	conn->waits = 0;
	if (rc == SMX_EREFUSED || rc == SMX_ETEMP)
		return refuse_in_its_words(ctx, conn);
	return leave(ctx, conn, SMFIP_NR_RCPT, rc);
}

/* Accepting here spares the MTA the whole replay of header and body. */
static sfsistat
on_data(SMFICTX *ctx)
{
	struct conn *conn = enter(ctx);

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
	if ((conn->steps & SMFIP_NR_DATA) != 0 || conn->untold != SMX_OK ||
	    !session_unasked(conn->session))
		return leave(ctx, conn, SMFIP_NR_DATA, SMX_OK);
	conns_leave();
	return SMFIS_ACCEPT;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct conn *conn = enter(ctx);
	struct message_field field = { name, "", value };
	sfsistat status;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	if ((conn->steps & SMFIP_HDR_LEADSPC) == 0)
		field.gap = " ";
	keep(session_header(conn->session, &field));
	status = quiet(conn, SMFIP_NR_HDR);
	conns_leave();
	return status;
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	struct conn *conn = enter(ctx);
	sfsistat status;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
	keep(smx_session_end_of_header(conn->session));
	status = quiet(conn, SMFIP_NR_EOH);
	conns_leave();
	return status;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct conn *conn = enter(ctx);
	sfsistat status;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	keep(smx_session_body(conn->session, data, len));
	status = quiet(conn, SMFIP_NR_BODY);
	conns_leave();
	return status;
}

static int
on_waiting(void *arg, int64_t waited_ms)
{
	SMFICTX *ctx = arg;
	struct conns_sight sight;

	conns_look(&sight);
	selfping_help(&self, sight.idle, sight.spare, waited_ms);
	if (waited_ms < PROGRESS_FIRST_MS)
		return 0;
	return smfi_progress(ctx) != MI_SUCCESS;
}

/* One that the MTA does not put on hold is delivered, as any other; the books
 * follow it. */
static void
hold(SMFICTX *ctx, const char *reason)
{
	char text[300];

	crash_point("books-hold");
	snprintf(text, sizeof(text), "%s", reason);
	if (smfi_quarantine(ctx, text) != MI_SUCCESS)
		log_event(SMX_LOG_WARNING, "backup-no-hold", "%s", "");
	crash_point("books-held");
}

/* Without those of a message that was sent again and those that were split off;
 * an MTA that cannot be told takes them twice. */
static sfsistat
accept_without(SMFICTX *ctx, const struct conn *conn,
    const struct smx_verdict *verdict)
{
	char *const *struck;
	size_t count = session_struck(conn->session, &struck);

	if (verdict->earned == SMX_EARNED_RESENT ||
	    verdict->earned == SMX_EARNED_DELIVERED)
		return SMFIS_DISCARD;
	crash_point("struck");
	for (size_t i = 0; i < count; i++)
		(void)smfi_delrcpt(ctx, struck[i]);
	if (verdict->hold)
		hold(ctx, verdict->hold_reason);
	return SMFIS_ACCEPT;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct conn *conn = enter(ctx);
	struct smx_verdict verdict;
	sfsistat status = SMFIS_ACCEPT;

	if (conn == NULL)
		return SMFIS_TEMPFAIL;
	(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
	if (conn->untold != SMX_OK) {
		smx_session_abort(conn->session);
		return leave(ctx, conn, 0, SMX_OK);
	}
	conns_ending(1);
	(void)smx_session_end(conn->session, on_waiting, ctx, &verdict);
	conns_ending(0);
	if (verdict.accept)
		status = accept_without(ctx, conn, &verdict);
	conns_leave();
	if (verdict.accept)
		return status;
	return refuse(ctx, verdict.code, verdict.enhanced, verdict.text);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct conn *conn = enter(ctx);

	if (conn != NULL) {
		/* Perhaps no step has told it since. */
		(void)smx_session_queue_id(conn->session, macro(ctx, "i"));
		smx_session_abort(conn->session);
		conns_leave();
	}
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct conn *conn;

	if (!conns_enter())
		return SMFIS_CONTINUE;
	conn = smfi_getpriv(ctx);
	if (conn != NULL) {
		conns_remove(conn);
		(void)smfi_setpriv(ctx, NULL);
	}
	conns_leave();
	return SMFIS_CONTINUE;
}

static int
open_socket(const char *listen)
{
	static char name[] = "shadowmx";
	static const struct smfiDesc filter = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_NONE,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_data = on_data,
		.xxfi_negotiate = on_negotiate,
	};
	char *where = strdup(listen);
	int ok;

	if (where == NULL)
		return SMX_ENOMEM;
	ok = smfi_setconn(where) == MI_SUCCESS &&
	     smfi_register(filter) == MI_SUCCESS &&
	     smfi_settimeout(TIMEOUT_S) == MI_SUCCESS &&
	     smfi_setbacklog(BACKLOG) == MI_SUCCESS &&
	     smfi_opensocket(true) == MI_SUCCESS;
	free(where);
	return ok ? SMX_OK : SMX_EIO;
}

/* smfi_opensocket(true) would take the path from a filter that is alive. */
static int
claim(const struct smx_milter_options *options)
{
	int inherited = strncmp(options->listen, "fd:", 3) == 0;
	const char *where =
	    options->self != NULL ? options->self : options->listen;
	struct log_line l;
	int rc = selfping_parse(&self, where);

	if (rc == SMX_OK && !inherited && selfping_knock(&self) == SMX_OK)
		rc = SMX_EBUSY;
	if (rc == SMX_OK)
		rc = open_socket(options->listen);
	if (rc != SMX_OK) {
		log_begin(&l, SMX_LOG_ERR, NULL, "no-milter-socket");
		log_str(&l, "listen", options->listen);
		log_str(&l, "self", where);
		log_err(&l, "result", rc);
		log_end(&l);
	}
	return rc == SMX_OK ? SMX_OK : SMX_EIO;
}

int
smx_milter_run(const struct smx_milter_options *options)
{
	const struct timespec grace = { 0, GRACE_MS * 1000000L };
	int rc = claim(options);

	if (rc != SMX_OK)
		return rc;
	conns_start(options->engine);
	rc = smfi_main() == MI_SUCCESS ? SMX_OK : SMX_EIO;
	conns_stop();
	(void)nanosleep(&grace, NULL);
	stopper_end();
	return rc;
}

/* smfi_stop waits for the listener, for seconds at times. */
static void
stop_run(void)
{
	(void)smfi_stop();
}

void
smx_milter_stop(void)
{
	stopper_begin(stop_run);
}
