/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <libmilter/mfapi.h>

#include <shadowmx/shadowmx.h>

/*
 * A milter of somebody else's that gains shadowing: it refuses messages with a
 * subject that it does not like, which is its own business, and acknowledges
 * the others only when a second host holds them, which is the library's.
 *
 *	foreign-milter -c CONFIG -s unix:/path/of/socket
 *
 * The marks (1) to (8) are all that shadowing asks of a milter.  Build:
 *
 *	cc foreign-milter.c $(pkg-config --cflags --libs libshadowmx) -lmilter
 */
static const char disliked[] = "make money fast";

static struct smx_engine *engine;
static struct smx_engine_ports ports;
static struct smx_store store;
static struct smx_link peers;
static struct smx_queue queue;
static struct sockaddr_un own_socket;

/* What this program keeps for each milter connection. */
struct visit {
	struct smx_session *shadow;
	int dislikes;
};

static void
print_line(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level;
	fprintf(stderr, "%s\n", line);
}

static void
print_problem(void *ctx, const struct smx_config_problem *problem)
{
	char text[1024];

	(void)ctx;
	smx_config_problem_format(problem, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
}

/* ---- (1) the ports: where shadows are kept, who the peers are, what the MTA's
 * queue says.  A program may bring ports of its own. ---- */

#define PEERS_MAX 16

static const char *
text(const struct smx_config *config, const char *setting)
{
	const char *value = smx_config_text(config, setting);

	return value == NULL ? "" : value;
}

static int
open_store(const struct smx_config *config)
{
	const struct smx_store_options options = {
		.path = text(config, "store.path"),
		.quota_bytes =
		    (uint64_t)smx_config_number(config, "store.quota"),
		.body_file_bytes =
		    (uint64_t)smx_config_number(config, "store.body_file"),
		.tombstone_ms = smx_config_number(config, "store.tombstones"),
	};
	char why[256] = "";
	int rc;

	if (strcmp(text(config, "store.driver"), "memory") == 0)
		return smx_store_open_memory(&store, &options);
	rc = smx_store_open_sqlite(&store, &options, why, sizeof(why));
	if (rc != SMX_OK)
		fprintf(stderr, "store: %s\n", why);
	return rc;
}

/* peers.members[N].what; NULL when there is no such member. */
static const char *
member(const struct smx_config *config, size_t n, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "peers.members[%zu].%s", n, what);
	return smx_config_text(config, name);
}

/* The first pin of a list that is shown as ("sha256/...", ...). */
static void
first_pin(const char *list, char out[SMX_PIN_TEXT])
{
	const char *from = strchr(list, '"');
	size_t len = from == NULL ? 0 : strcspn(from + 1, "\"");

	if (len >= SMX_PIN_TEXT)
		len = 0;
	if (len > 0)
		memcpy(out, from + 1, len);
	out[len] = '\0';
}

static int
open_link(const struct smx_config *config)
{
	static char pins[PEERS_MAX][SMX_PIN_TEXT];
	static const char *pin[PEERS_MAX];
	struct smx_link_peer peer[PEERS_MAX];
	struct smx_link_options options = { 0 };
	char why[256] = "";
	size_t n = 0;
	int rc;

	for (; n < PEERS_MAX && member(config, n, "name") != NULL; n++) {
		first_pin(member(config, n, "pin"), pins[n]);
		pin[n] = pins[n];
		peer[n].name = member(config, n, "name");
		peer[n].address = member(config, n, "address");
		peer[n].pins = &pin[n];
		peer[n].pin_count = 1;
	}
	options.node = text(config, "node");
	options.key_file = text(config, "peers.key");
	options.listen = text(config, "peers.listen");
	options.listen_fd = -1;
	options.peers = peer;
	options.peer_count = n;
	rc = smx_link_open_tls(&peers, &options, why, sizeof(why));
	if (rc != SMX_OK)
		fprintf(stderr, "link: %s\n", why);
	return rc;
}

/* Without a queue to look at, shadows stay with the holders until an operator
 * ends them. */
static int
open_queue(const struct smx_config *config)
{
	const struct smx_queue_postfix_options options = {
		.queue_directory = text(config, "mta.queue_directory"),
		.log_file = text(config, "mta.log"),
		.marker_directory = "",
		.config_directory = text(config, "mta.config_directory"),
	};
	char why[256] = "";
	int rc;

	if (options.queue_directory[0] == '\0')
		return SMX_OK;
	rc = smx_queue_open_postfix(&queue, &options, why, sizeof(why));
	if (rc != SMX_OK)
		fprintf(stderr, "queue: %s\n", why);
	else
		ports.queue = &queue;
	return rc;
}

/* (2) The engine: a configuration and the ports. */
static int
make_engine(const char *config_file)
{
	struct smx_config *config = NULL;
	int rc = smx_config_load(&config, config_file, print_problem, NULL);

	if (rc == SMX_OK)
		rc = open_store(config);
	if (rc == SMX_OK)
		rc = open_link(config);
	if (rc == SMX_OK)
		rc = open_queue(config);
	ports.store = &store;
	ports.link = &peers;
	if (rc == SMX_OK)
		rc = smx_engine_new(&engine, config, &ports);
	if (rc == SMX_OK)
		rc = smx_engine_start(engine);
	smx_config_release(&config);
	if (rc != SMX_OK)
		fprintf(stderr, "cannot start: %s\n", smx_strerror(rc));
	return rc;
}

/* ---- the milter ---- */

static const char *
macro(SMFICTX *ctx, const char *name)
{
	char copy[32];

	snprintf(copy, sizeof(copy), "%s", name);
	return smfi_getsymval(ctx, copy);
}

static sfsistat
say(SMFICTX *ctx, const char *code, const char *enhanced, const char *words)
{
	char c[4], e[12], w[128];

	snprintf(c, sizeof(c), "%s", code);
	snprintf(e, sizeof(e), "%s", enhanced);
	snprintf(w, sizeof(w), "%s", words);
	(void)smfi_setreply(ctx, c, e, w);
	return code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* Header values with their leading space, so that a copy is byte for byte. */
static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *pf0, unsigned long *pf1,
    unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	*pf0 = *pf2 = *pf3 = 0;
	*pf1 = f1 & SMFIP_HDR_LEADSPC;
	return SMFIS_CONTINUE;
}

/* (3) A session for each connection. */
static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *from)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct smx_session_client client = { name, address, 0, NULL };
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	struct visit *visit = calloc(1, sizeof(*visit));

	if (visit == NULL)
		return SMFIS_TEMPFAIL;
	if (from != NULL && from->sa_family == AF_INET) {
		memcpy(&in, from, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, address, sizeof(address));
		client.port = ntohs(in.sin_port);
	} else if (from != NULL && from->sa_family == AF_INET6) {
		memcpy(&in6, from, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, address, sizeof(address));
		client.port = ntohs(in6.sin6_port);
	}
	client.daemon = macro(ctx, "{daemon_name}");
	if (smx_session_new(&visit->shadow, engine, &client) != SMX_OK) {
		free(visit);
		return SMFIS_TEMPFAIL;
	}
	(void)smfi_setpriv(ctx, visit);
	return SMFIS_CONTINUE;
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	struct visit *visit = smfi_getpriv(ctx);

	(void)smx_session_helo(visit->shadow, name);
	return SMFIS_CONTINUE;
}

static size_t
params(char **argv)
{
	size_t n = 0;

	while (argv[0] != NULL && argv[n + 1] != NULL)
		n++;
	return n;
}

/* (4) The envelope, with all of its parameters; the queue id whenever the MTA
 * tells it. */
static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct visit *visit = smfi_getpriv(ctx);
	int rc;

	visit->dislikes = 0;
	rc = smx_session_auth(visit->shadow, macro(ctx, "{auth_type}"),
	    macro(ctx, "{auth_authen}"));
	if (rc == SMX_OK)
		rc = smx_session_mail(visit->shadow, argv[0],
		    (const char *const *)argv + 1, params(argv));
	if (rc == SMX_EINVAL || rc == SMX_ELIMIT)
		return say(ctx, "501", "5.5.4", "Malformed sender");
	return rc == SMX_OK ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct visit *visit = smfi_getpriv(ctx);
	int rc;

	(void)smx_session_queue_id(visit->shadow, macro(ctx, "i"));
	rc = smx_session_rcpt(visit->shadow, argv[0],
	    (const char *const *)argv + 1, params(argv));
	if (rc == SMX_ELIMIT)
		return say(ctx, "452", "4.5.3", "Too many recipients");
	if (rc == SMX_EINVAL)
		return say(ctx, "501", "5.5.4", "Malformed recipient");
	return rc == SMX_OK ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
}

static int
contains(const char *where, const char *what)
{
	for (; *where != '\0'; where++) {
		size_t i = 0;

		while (what[i] != '\0' &&
		       tolower((unsigned char)where[i]) == what[i])
			i++;
		if (what[i] == '\0')
			return 1;
	}
	return 0;
}

/* What cannot be kept of the content is told at the end of message. */
static sfsistat
go_on(int rc)
{
	(void)rc;
	return SMFIS_CONTINUE;
}

/* (5) The content. */
static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct visit *visit = smfi_getpriv(ctx);

	if (contains(name, "subject") && contains(value, disliked))
		visit->dislikes = 1;
	return go_on(smx_session_header(visit->shadow, name, value));
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	struct visit *visit = smfi_getpriv(ctx);

	return go_on(smx_session_end_of_header(visit->shadow));
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct visit *visit = smfi_getpriv(ctx);

	return go_on(smx_session_body(visit->shadow, data, len));
}

/* libmilter with a worker pool may leave sessions without a thread while this
 * one waits; a new connection makes it start another. */
static void
knock(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	(void)connect(fd, (const struct sockaddr *)&own_socket,
	    sizeof(own_socket));
	(void)close(fd);
}

/* (6) While the library waits for a holder: keep the MTA waiting as well, and
 * give up when it has gone. */
static int
on_waiting(void *ctx, int64_t waited_ms)
{
	knock();
	if (waited_ms < 500)
		return 0;
	return smfi_progress(ctx) != MI_SUCCESS;
}

/* (7) The end of message: the verdict is the answer. */
static sfsistat
on_eom(SMFICTX *ctx)
{
	struct visit *visit = smfi_getpriv(ctx);
	struct smx_verdict verdict;

	(void)smx_session_queue_id(visit->shadow, macro(ctx, "i"));
	if (visit->dislikes) {
		smx_session_abort(visit->shadow);
		return say(ctx, "550", "5.7.1", "No, thank you");
	}
	knock();
	(void)smx_session_end(visit->shadow, on_waiting, ctx, &verdict);
	if (verdict.accept)
		return SMFIS_ACCEPT;
	return say(ctx, verdict.code, verdict.enhanced, verdict.text);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct visit *visit = smfi_getpriv(ctx);

	if (visit != NULL)
		smx_session_abort(visit->shadow);
	return SMFIS_CONTINUE;
}

/* (8) The end of the connection. */
static sfsistat
on_close(SMFICTX *ctx)
{
	struct visit *visit = smfi_getpriv(ctx);

	if (visit != NULL) {
		smx_session_free(&visit->shadow);
		free(visit);
		(void)smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

static int
serve(char *where)
{
	static char name[] = "foreign-milter";
	static const struct smfiDesc filter = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
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
		.xxfi_negotiate = on_negotiate,
	};

	own_socket.sun_family = AF_UNIX;
	snprintf(own_socket.sun_path, sizeof(own_socket.sun_path), "%s",
	    where + strlen("unix:"));
	if (smfi_setconn(where) != MI_SUCCESS ||
	    smfi_register(filter) != MI_SUCCESS ||
	    smfi_opensocket(true) != MI_SUCCESS)
		return -1;
	return smfi_main() == MI_SUCCESS ? 0 : -1;
}

int
main(int argc, char **argv)
{
	const char *config_file = NULL;
	char *where = NULL;
	int c, rc;

	while ((c = getopt(argc, argv, "c:s:")) != -1) {
		if (c == 'c')
			config_file = optarg;
		else if (c == 's')
			where = optarg;
	}
	if (config_file == NULL || where == NULL ||
	    strncmp(where, "unix:", 5) != 0) {
		fprintf(stderr,
		    "usage: foreign-milter -c CONFIG -s unix:/path\n");
		return 64;
	}
	smx_log_set(print_line, NULL, SMX_LOG_INFO);
	if (make_engine(config_file) != SMX_OK)
		return EXIT_FAILURE;
	rc = serve(where);
	/* libmilter's threads may still be inside a callback: the engine is
	 * stopped here, and goes with the process. */
	smx_engine_stop(engine, 0, 10000);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
