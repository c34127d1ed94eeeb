/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "scripted_link.h"

/*
 * The milter under test, alone: a real engine with the store in memory, no MTA
 * queue, and peers that are a script (scripted_link.h).
 *
 *	milter_host -c CONFIG -s SOCKET [-d FOLDER] [-i] [-t SECONDS]
 *	milter_host -k FILE
 *
 * FOLDER gets the log (file log) and what the peers were sent.  -i: listen
 * here, on a unix SOCKET, and hand the open socket on as "fd:N".  -t: call
 * smx_milter_stop after so long.  -k: only make a key and print its pin.
 *
 * SIGUSR1: read CONFIG again and use it; SIGUSR2: stop the engine, not the
 * milter.  What came of it is in the log, behind "signal: ".
 */
static FILE *log_file;

static void
log_line(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx;
	fprintf(log_file, "%d %s\n", (int)level, line);
	fflush(log_file);
}

static void
config_problem(void *ctx, const struct smx_config_problem *problem)
{
	char text[1024];

	(void)ctx;
	smx_config_problem_format(problem, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
}

struct host {
	const char *config;
	const char *folder;
	const char *socket_name;
	int inherit;
	long stop_after_s; /* 0: never */
	char listen[32];
	struct smx_milter_options milter;
};

static int
make_key(const char *path)
{
	char pin[SMX_PIN_TEXT], why[256] = "";

	if (smx_identity_generate(path, why, sizeof(why)) != SMX_OK ||
	    smx_identity_pin(path, pin, why, sizeof(why)) != SMX_OK) {
		fprintf(stderr, "%s\n", why);
		return EXIT_FAILURE;
	}
	printf("%s\n", pin);
	return EXIT_SUCCESS;
}

/* As a supervisor does that keeps the socket over a crash of its child. */
static int
open_socket(struct host *host)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	host->milter.listen = host->socket_name;
	if (!host->inherit)
		return SMX_OK;
	if (strncmp(host->socket_name, "unix:", 5) != 0 ||
	    strlen(host->socket_name + 5) >= sizeof(sun.sun_path))
		return SMX_EINVAL;
	memcpy(sun.sun_path, host->socket_name + 5,
	    strlen(host->socket_name + 5));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(fd, 1024) != 0)
		return SMX_EIO;
	snprintf(host->listen, sizeof(host->listen), "fd:%d", fd);
	host->milter.listen = host->listen;
	host->milter.self = host->socket_name;
	return SMX_OK;
}

/* Blocked in every thread but the one that waits for them. */
static void
signals_of_scripts(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
	sigaddset(set, SIGALRM);
}

static void *
stop_later(void *arg)
{
	const struct host *host = arg;
	struct timespec ts = { host->stop_after_s, 0 };

	nanosleep(&ts, NULL);
	smx_milter_stop();
	return NULL;
}

static int
run_milter(struct host *host)
{
	pthread_t stopper;
	sigset_t all, old;
	int rc;

	if (host->stop_after_s == 0)
		return smx_milter_run(&host->milter);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&stopper, NULL, stop_later, host);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return SMX_EIO;
	rc = smx_milter_run(&host->milter);
	pthread_join(stopper, NULL);
	return rc;
}

static void
open_log(const char *folder)
{
	char path[700];

	log_file = stderr;
	if (folder != NULL) {
		snprintf(path, sizeof(path), "%s/log", folder);
		log_file = fopen(path, "a");
		if (log_file == NULL)
			log_file = stderr;
	}
	smx_log_set(log_line, NULL, SMX_LOG_DEBUG);
}

#define DRAIN_MS 3000

static const char *
reload(const struct host *host)
{
	struct smx_config *next = NULL;
	const char *came = "reload failed";
	char why[256];

	if (smx_config_load(&next, host->config, config_problem, NULL) ==
		SMX_OK &&
	    smx_engine_reload(host->milter.engine, next, why, sizeof(why)) ==
		SMX_OK)
		came = "reload done";
	smx_config_release(&next);
	return came;
}

/* Takes the signals until SIGALRM, which only main sends. */
static void *
obey(void *arg)
{
	const struct host *host = arg;
	char line[64];
	sigset_t mine;
	int sig = 0;

	signals_of_scripts(&mine);
	while (sigwait(&mine, &sig) == 0 && sig != SIGALRM) {
		const char *came = "engine stopped";

		if (sig == SIGUSR1)
			came = reload(host);
		else
			smx_engine_stop(host->milter.engine, 0, DRAIN_MS);
		snprintf(line, sizeof(line), "signal: %s", came);
		log_line(NULL, SMX_LOG_DEBUG, line);
	}
	return NULL;
}

static int
run_obeying(struct host *host)
{
	pthread_t thread;
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, obey, host);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return SMX_EIO;
	rc = run_milter(host);
	pthread_kill(thread, SIGALRM);
	pthread_join(thread, NULL);
	return rc;
}

static int
serve(struct host *host, struct smx_config *config)
{
	struct smx_store_options so = { .tombstone_ms = 60000 };
	struct smx_engine_ports ports = { 0 };
	struct smx_store store = { 0 };
	struct smx_link link = { 0 };
	struct smx_engine *engine = NULL;
	int rc = smx_store_open_memory(&store, &so);

	if (rc == SMX_OK)
		rc = scripted_link_open(&link, host->folder);
	ports.store = &store;
	ports.link = &link;
	if (rc == SMX_OK)
		rc = smx_engine_new(&engine, config, &ports);
	if (rc == SMX_OK)
		rc = smx_engine_start(engine);
	host->milter.engine = engine;
	if (rc == SMX_OK)
		rc = open_socket(host);
	if (rc == SMX_OK)
		rc = run_obeying(host);
	smx_engine_free(&engine);
	scripted_link_close(&link);
	smx_store_close(&store);
	return rc;
}

int
main(int argc, char **argv)
{
	struct host host = { 0 };
	struct smx_config *config = NULL;
	sigset_t mine;
	int c, rc;

	signals_of_scripts(&mine);
	pthread_sigmask(SIG_BLOCK, &mine, NULL);
	while ((c = getopt(argc, argv, "c:s:d:it:k:")) != -1)
		switch (c) {
		case 'c':
			host.config = optarg;
			break;
		case 's':
			host.socket_name = optarg;
			break;
		case 'd':
			host.folder = optarg;
			break;
		case 'i':
			host.inherit = 1;
			break;
		case 't':
			host.stop_after_s = strtol(optarg, NULL, 10);
			break;
		case 'k':
			return make_key(optarg);
		default:
			return 64;
		}
	if (host.config == NULL || host.socket_name == NULL)
		return 64;
	open_log(host.folder);
	rc = smx_config_load(&config, host.config, config_problem, NULL);
	if (rc == SMX_OK)
		rc = serve(&host, config);
	smx_config_release(&config);
	if (rc != SMX_OK)
		fprintf(stderr, "milter_host: %s\n", smx_strerror(rc));
	if (log_file != stderr)
		fclose(log_file);
	return rc == SMX_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
