/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"
#include "core/policy.h"
#include "glue/asking.h"
#include "glue/backup_rcpt.h"
#include "glue/delivery.h"
#include "glue/ending.h"
#include "glue/handover.h"
#include "glue/intake.h"
#include "glue/node.h"
#include "glue/resend.h"

struct smx_session {
	struct smx_engine *engine;
	struct smx_envelope *envelope;
	int64_t max_recipients; /* what envelope was made for */
	char address[64];
	int secure;
	int whole;                /* a message cannot be split */
	struct smx_client client; /* of the message in progress */
	struct message *message;  /* NULL: none in progress */
	int acknowledged;         /* the MTA may still be at work on key */
	struct smx_key key;
	int guard; /* what is struck out can be told */
	struct struck struck;
	struct delivery *delivery; /* NULL: no next hop was asked */
	struct hop_answer words;   /* of the last that refused a recipient */
	struct intake intake;      /* for domains that this host backs up */
	smx_waiting_fn waiting;    /* while one is asked */
	void *waiting_ctx;
};

/* What the client says of itself is for the trail: a value that cannot be kept
 * is left out, it is no reason to refuse mail. */
static int
set_field(struct smx_envelope *envelope, enum smx_field field,
    const char *value)
{
	int rc = smx_envelope_set(envelope, field, value);

	if (rc == SMX_EINVAL || rc == SMX_ELIMIT)
		rc = smx_envelope_set(envelope, field, "");
	return rc;
}

static int
set_client(struct smx_envelope *envelope,
    const struct smx_session_client *client)
{
	char port[16] = "";
	int rc;

	if (client->port != 0)
		snprintf(port, sizeof(port), "%u", client->port);
	/* A client without a name is called "[192.0.2.7]" by the MTA. */
	rc = set_field(envelope, SMX_FIELD_CLIENT_NAME,
	    client->name != NULL && client->name[0] == '[' ? "unknown"
							   : client->name);
	if (rc == SMX_OK)
		rc =
		    set_field(envelope, SMX_FIELD_CLIENT_ADDR, client->address);
	if (rc == SMX_OK)
		rc = set_field(envelope, SMX_FIELD_CLIENT_PORT, port);
	if (rc == SMX_OK)
		rc = set_field(envelope, SMX_FIELD_DAEMON, client->daemon);
	return rc;
}

int
smx_session_new(struct smx_session **out, struct smx_engine *engine,
    const struct smx_session_client *client)
{
	struct smx_config *config = node_config(engine);
	struct smx_session *session = calloc(1, sizeof(*session));
	int rc = SMX_ENOMEM;

	if (session != NULL) {
		session->engine = engine;
		session->max_recipients =
		    config_conf(config)->milter_max_recipients;
		rc = smx_envelope_new(&session->envelope,
		    (size_t)session->max_recipients);
	}
	smx_config_release(&config);
	if (rc == SMX_OK)
		rc = set_client(session->envelope, client);
	if (rc == SMX_OK && client->address != NULL &&
	    text_copy(session->address, sizeof(session->address),
		client->address))
		session->address[0] = '\0';
	if (rc != SMX_OK) {
		smx_session_free(&session);
		return rc;
	}
	*out = session;
	return SMX_OK;
}

/* The MTA has shown that it is past the message it was told yes about. */
static void
pass_on(struct smx_session *session)
{
	struct engine *core;

	if (!session->acknowledged)
		return;
	session->acknowledged = 0;
	core = node_enter(session->engine);
	engine_session_end(core, &session->key, node_now_ms());
	node_leave(session->engine);
}

static void
forget(struct smx_session *session)
{
	delivery_free(&session->delivery);
	intake_reset(&session->intake);
	message_free(&session->message);
	smx_envelope_reset(session->envelope);
}

/* No recipient asks for a shadow, and nothing later can change that. */
static int
is_unasked(const struct smx_session *session)
{
	return session->message->ack.when == 0 &&
	       smx_envelope_recipients(session->envelope) != 0 &&
	       !session->message->sized;
}

/* What is forgotten here the MTA may commit all the same, as when an earlier
 * filter quarantines it: only the queue can tell. */
static void
pass_by(struct smx_session *session)
{
	struct engine *core;

	if (session->message == NULL || session->message->queue_id[0] == '\0' ||
	    is_unasked(session))
		return;
	core = node_enter(session->engine);
	engine_passed(core, session->message->queue_id, node_now_ms());
	node_leave(session->engine);
}

void
smx_session_abort(struct smx_session *session)
{
	pass_on(session);
	pass_by(session);
	forget(session);
}

void
smx_session_free(struct smx_session **session)
{
	struct smx_session *s = *session;

	if (s == NULL)
		return;
	pass_on(s);
	pass_by(s);
	delivery_free(&s->delivery);
	intake_free(&s->intake);
	message_free(&s->message);
	struck_free(&s->struck);
	smx_envelope_free(&s->envelope);
	free(s);
	*session = NULL;
}

int
smx_session_helo(struct smx_session *session, const char *name)
{
	return set_field(session->envelope, SMX_FIELD_HELO, name);
}

int
smx_session_auth(struct smx_session *session, const char *type,
    const char *name)
{
	int rc = set_field(session->envelope, SMX_FIELD_AUTH_TYPE, type);

	if (rc == SMX_OK)
		rc = set_field(session->envelope, SMX_FIELD_AUTH_NAME, name);
	return rc;
}

void
session_secure(struct smx_session *session, int secure)
{
	session->secure = secure;
}

void
session_whole(struct smx_session *session, int whole)
{
	session->whole = whole;
}

void
session_guard(struct smx_session *session, int able)
{
	session->guard = able;
}

void
session_backup(struct smx_session *session, int asks, int holds)
{
	session->intake.asks = asks;
	session->intake.holds = holds;
}

void
session_waiting(struct smx_session *session, smx_waiting_fn waiting, void *ctx)
{
	session->waiting = waiting;
	session->waiting_ctx = ctx;
}

void
session_reply(const struct smx_session *session, struct smx_verdict *verdict)
{
	memset(verdict, 0, sizeof(*verdict));
	handover_reply(&session->words, verdict);
}

size_t
session_struck(const struct smx_session *session, char *const **recipients)
{
	*recipients = session->struck.rcpts;
	return session->struck.count;
}

/* A reload may have changed how many recipients a message may have. */
static int
resize_envelope(struct smx_session *session, int64_t max_recipients)
{
	struct smx_envelope *next;
	int rc;

	if (session->max_recipients == max_recipients)
		return SMX_OK;
	rc = smx_envelope_new(&next, (size_t)max_recipients);
	if (rc != SMX_OK)
		return rc;
	for (int f = 0; f < SMX_FIELDS && rc == SMX_OK; f++)
		rc = smx_envelope_set(next, (enum smx_field)f,
		    smx_envelope_get(session->envelope, (enum smx_field)f));
	if (rc != SMX_OK) {
		smx_envelope_free(&next);
		return rc;
	}
	smx_envelope_free(&session->envelope);
	session->envelope = next;
	session->max_recipients = max_recipients;
	return SMX_OK;
}

static int
authenticated(const struct smx_session *session)
{
	return smx_envelope_get(session->envelope, SMX_FIELD_AUTH_TYPE)[0] !=
		   '\0' ||
	       smx_envelope_get(session->envelope, SMX_FIELD_AUTH_NAME)[0] !=
		   '\0';
}

/* RFC 3848.  HELO and EHLO look the same to a milter; ESMTP is what nearly
 * everybody speaks.  Mail without angle brackets came by no SMTP at all. */
static int
set_protocol(struct smx_session *session, const char *sender)
{
	char protocol[8] = "";

	if (sender[0] == '<')
		snprintf(protocol, sizeof(protocol), "ESMTP%s%s",
		    session->secure ? "S" : "",
		    authenticated(session) ? "A" : "");
	return smx_envelope_set(session->envelope, SMX_FIELD_PROTOCOL,
	    protocol);
}

/* One answer for whatever the client can only mend by saying less. */
static int
client_fault(int rc)
{
	return rc == SMX_ELIMIT ? SMX_EINVAL : rc;
}

static int
start_message(struct smx_session *session, const char *sender,
    const char *const *params, size_t count)
{
	int rc = resize_envelope(session,
	    session->message->conf->milter_max_recipients);

	smx_envelope_reset(session->envelope);
	if (rc == SMX_OK)
		rc = set_protocol(session, sender);
	if (rc == SMX_OK)
		rc =
		    smx_envelope_mail(session->envelope, sender, params, count);
	return client_fault(rc);
}

int
smx_session_mail(struct smx_session *session, const char *sender,
    const char *const *params, size_t count)
{
	int rc;

	smx_session_abort(session);
	struck_free(&session->struck);
	rc = message_new(&session->message, node_config(session->engine));
	if (rc != SMX_OK)
		return rc;
	if (sender == NULL || sender[0] == '\0')
		sender = "<>";
	rc = start_message(session, sender, params, count);
	if (rc != SMX_OK) {
		message_free(&session->message);
		return rc;
	}
	memset(&session->client, 0, sizeof(session->client));
	session->client.address = session->address;
	session->client.authenticated = authenticated(session);
	smx_policy_locate(session->message->config, &session->client);
	return SMX_OK;
}

static struct asking
asking_of(const struct smx_session *session)
{
	return (struct asking){ session->message, session->envelope,
		&session->client, session->whole };
}

static void
keep_wish(struct smx_session *session, const char *rcpt,
    const struct smx_ack *all)
{
	const struct asking asking = asking_of(session);

	session->message->ack = *all;
	if (!session->message->sized)
		session->message->sized = asking_waits(&asking, rcpt);
}

/* Only where every recipient has an answer of its own, and can be struck out of
 * the message or the message be discarded. */
static int
ask_next_hop(struct smx_session *session, const struct smx_ack *one,
    const char *rcpt, const char *const *params, size_t count)
{
	const struct delivery_rcpt ask = { .courier =
					       node_courier(session->engine),
		.conf = session->message->conf,
		.client = session->address,
		.envelope = session->envelope,
		.ack = one,
		.address = rcpt,
		.params = params,
		.param_count = count,
		.waiting = session->waiting,
		.waiting_ctx = session->waiting_ctx };

	struct hop_answer said = { 0 };
	int rc;

	if (!session->guard || session->whole || ask.courier == NULL)
		return SMX_OK;
	rc = delivery_rcpt(&session->delivery, &ask, &said);
	if (one->backup != NULL)
		backup_heard(node_backup(session->engine), rcpt, &said);
	if (rc != SMX_OK)
		session->words = said;
	return rc;
}

/* May it be taken, as far as a primary MX has a say? */
static int
ask_backup(struct smx_session *session, const struct asking *asking,
    const struct smx_ack *one, const char *rcpt)
{
	const struct intake_ask ask = { session->engine, asking, one->backup,
		rcpt, session->waiting, session->waiting_ctx };

	return intake_rcpt(&session->intake, &ask, &session->words);
}

/* All have agreed to it. */
static int
keep_recipient(struct smx_session *session, const char *rcpt,
    const char *const *params, size_t count)
{
	size_t index = smx_envelope_recipients(session->envelope);
	int rc = smx_envelope_rcpt(session->envelope, rcpt, params, count);

	if (rc == SMX_OK)
		intake_keep(&session->intake, index);
	return rc;
}

int
smx_session_rcpt(struct smx_session *session, const char *rcpt,
    const char *const *params, size_t count)
{
	const struct asking asking = asking_of(session);
	struct smx_ack one, all;
	int rc, asked;

	if (session->message == NULL)
		return SMX_ESTATE;
	if (smx_envelope_recipients(session->envelope) >=
	    (size_t)session->max_recipients)
		return SMX_ELIMIT;
	rc = asking_recipient(&asking, rcpt, &one, &all);
	if (rc != SMX_OK)
		return rc;
	rc = ask_backup(session, &asking, &one, rcpt);
	if (rc != SMX_OK)
		return rc;
	intake_wish(&session->intake, session->message, &one, &all);
	asked = (one.when & SMX_WHEN_DELIVERED) != 0;
	if (asked)
		rc = ask_next_hop(session, &one, rcpt, params, count);
	if (rc != SMX_OK)
		return rc;
	rc = keep_recipient(session, rcpt, params, count);
	if (rc == SMX_OK)
		keep_wish(session, rcpt, &all);
	else if (asked)
		delivery_drop(session->delivery);
	return client_fault(rc);
}

int
smx_session_queue_id(struct smx_session *session, const char *queue_id)
{
	if (session->message == NULL)
		return SMX_ESTATE;
	if (queue_id == NULL)
		return SMX_OK;
	return message_queue_id(session->message, queue_id);
}

int
session_header(struct smx_session *session, const struct message_field *field)
{
	if (session->message == NULL)
		return SMX_ESTATE;
	return message_header(session->message, field);
}

int
smx_session_header(struct smx_session *session, const char *name,
    const char *value)
{
	struct message_field field = { name, "", value };

	return session_header(session, &field);
}

int
smx_session_end_of_header(struct smx_session *session)
{
	if (session->message == NULL)
		return SMX_ESTATE;
	return message_end_of_header(session->message);
}

int
smx_session_body(struct smx_session *session, const void *data, size_t len)
{
	if (session->message == NULL)
		return SMX_ESTATE;
	return message_body(session->message, data, len);
}

int
session_unasked(struct smx_session *session)
{
	struct message *message = session->message;
	struct ending ending = { .engine = session->engine,
		.message = message,
		.envelope = session->envelope };
	struct smx_verdict verdict;

	if (message == NULL || message->fault != REPLY_NONE ||
	    !is_unasked(session) || intake_any(&session->intake))
		return 0;
	ending_unasked(&ending, &verdict);
	pass_on(session);
	forget(session);
	return 1;
}

int
smx_session_end(struct smx_session *session, smx_waiting_fn waiting, void *ctx,
    struct smx_verdict *verdict)
{
	const struct asking asking = asking_of(session);
	struct ending ending = { session->engine, session->message,
		session->envelope, waiting, ctx,
		session->guard ? &session->struck : NULL, &asking,
		session->delivery };
	const struct intake_end end = { session->engine, &asking, ending.struck,
		waiting, ctx };
	int rc;

	pass_on(session);
	asking_size(&asking);
	intake_mark(&session->intake, &end, session->envelope);
	rc = ending_run(&ending, verdict);
	if (verdict->accept && verdict->earned != SMX_EARNED_UNASKED &&
	    verdict->earned != SMX_EARNED_RESENT &&
	    verdict->earned != SMX_EARNED_DELIVERED) {
		session->key = verdict->key;
		session->acknowledged = 1;
	}
	if (verdict->accept && verdict->earned != SMX_EARNED_RESENT &&
	    verdict->earned != SMX_EARNED_DELIVERED)
		intake_end(&session->intake, &end, verdict);
	forget(session);
	return rc;
}
