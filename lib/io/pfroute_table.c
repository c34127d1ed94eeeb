/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfroute.h"

#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/mtaconf.h"
#include "io/mtaask.h"

#define ANSWER_MAX (1u << 20)
#define LOOK_MS    2000
#define RETRY_MS   10000

int
pftransports_init(struct pftransports *t, const char *config_directory)
{
	memset(t, 0, sizeof(*t));
	t->config_directory = strdup(config_directory);
	if (t->config_directory == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	return SMX_OK;
}

void
pftransports_done(struct pftransports *t)
{
	if (t->config_directory == NULL)
		return;
	free(t->config_directory);
	t->config_directory = NULL;
	pthread_mutex_destroy(&t->lock);
}

/* ---- asking ---- */

struct answers {
	struct arena arena;
	struct mta_values main;
	struct mta_services services;
};

static const char *
ask(struct answers *a, const char *const *argv)
{
	struct buf answer;
	const char *text = NULL;
	char why[512] = "";
	struct log_line l;

	buf_init(&answer, ANSWER_MAX);
	if (mta_ask("postconf", argv, &answer, why, sizeof(why)) == SMX_OK) {
		text = arena_copy(&a->arena, answer.data, answer.len);
	} else {
		log_begin(&l, SMX_LOG_WARNING, NULL, "route-unknown");
		log_str(&l, "cause", why);
		log_end(&l);
	}
	buf_free(&answer);
	return text;
}

static int
ask_all(struct answers *a, const char *dir)
{
	static const char *const wanted[] = { "smtp_sasl_auth_enable",
		"lmtp_sasl_auth_enable", "smtp_tls_wrappermode",
		"lmtp_tls_wrappermode", "smtp_tcp_port", "lmtp_tcp_port",
		"compatibility_level" };
	const char *main_argv[sizeof(wanted) / sizeof(*wanted) + 4] = { "-c",
		dir, "-x" };
	const char *const fields_argv[] = { "-c", dir, "-F", NULL };
	const char *const overrides_argv[] = { "-c", dir, "-P", NULL };
	const char *text, *fields, *overrides;

	memcpy(main_argv + 3, wanted, sizeof(wanted));
	text = ask(a, main_argv);
	fields = text != NULL ? ask(a, fields_argv) : NULL;
	overrides = fields != NULL ? ask(a, overrides_argv) : NULL;
	if (overrides == NULL ||
	    mta_values_parse(&a->arena, text, &a->main) != SMX_OK)
		return SMX_EIO;
	return mta_services_parse(&a->arena, fields, overrides,
	    strcmp(mta_text(&a->main, "compatibility_level"), "0") == 0,
	    &a->services);
}

/* ---- judging ---- */

static const char *
value_of(const struct answers *a, const struct mta_service *s,
    const char *protocol, const char *setting)
{
	char name[64];
	const char *own;

	snprintf(name, sizeof(name), "%s_%s", protocol, setting);
	own = mta_value(&s->overrides, name);
	return own != NULL ? own : mta_text(&a->main, name);
}

static uint16_t
port_of(const char *text)
{
	int64_t n = mta_number(text);
	struct servent *entry;

	if (n > 0 && n <= UINT16_MAX)
		return (uint16_t)n;
	entry = getservbyname(text, "tcp");
	return entry != NULL ? ntohs((uint16_t)entry->s_port) : 0;
}

static void
add(struct pftransports *t, const struct answers *a,
    const struct mta_service *s)
{
	struct pftransport *out = &t->list[t->count];
	int lmtp = strcmp(s->program, "lmtp") == 0;
	const char *protocol = lmtp ? "lmtp" : "smtp";

	if (t->count == PFTRANSPORTS_MAX ||
	    (!lmtp && strcmp(s->program, "smtp") != 0) ||
	    strcmp(s->type, "unix") != 0)
		return;
	/* Whoever logs in, or speaks TLS before anything else, is let in where
	 * we are not. */
	if (strcmp(value_of(a, s, protocol, "sasl_auth_enable"), "no") != 0 ||
	    strcmp(value_of(a, s, protocol, "tls_wrappermode"), "no") != 0)
		return;
	out->port = port_of(value_of(a, s, protocol, "tcp_port"));
	if (out->port == 0 || text_copy(out->name, sizeof(out->name), s->name))
		return;
	out->lmtp = lmtp;
	out->chroot = s->chroot;
	t->count++;
}

/* ---- when ---- */

static void
look_at(const char *dir, const char *name, struct stat *st)
{
	char path[PATH_MAX];

	memset(st, 0, sizeof(*st));
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) <
	    sizeof(path))
		(void)stat(path, st);
}

/* Notes what the files are now; non-zero when they were others. */
static int
has_changed(struct pftransports *t)
{
	static const char *const names[] = { "main.cf", "master.cf" };
	int changed = 0;

	for (size_t i = 0; i < 2; i++) {
		struct stat st;

		look_at(t->config_directory, names[i], &st);
		if (t->file[i].ino == st.st_ino &&
		    t->file[i].size == st.st_size &&
		    t->file[i].changed.tv_sec == st.st_ctim.tv_sec &&
		    t->file[i].changed.tv_nsec == st.st_ctim.tv_nsec)
			continue;
		changed = 1;
		t->file[i].ino = st.st_ino;
		t->file[i].size = st.st_size;
		t->file[i].changed = st.st_ctim;
	}
	return changed;
}

static void
read_anew(struct pftransports *t, int64_t now_ms)
{
	struct answers a;

	memset(&a, 0, sizeof(a));
	arena_init(&a.arena);
	t->count = 0;
	t->known = ask_all(&a, t->config_directory) == SMX_OK;
	for (size_t i = 0; t->known && i < a.services.count; i++)
		add(t, &a, &a.services.list[i]);
	arena_free(&a.arena);
	t->retry_ms = now_ms + RETRY_MS;
}

static void
refresh(struct pftransports *t)
{
	int64_t now_ms = clock_mono_ms();

	if (t->known && now_ms < t->look_ms)
		return;
	t->look_ms = now_ms + LOOK_MS;
	if (has_changed(t) || (!t->known && now_ms >= t->retry_ms))
		read_anew(t, now_ms);
}

int
pftransports_find(struct pftransports *t, const char *name,
    struct pftransport *out)
{
	int rc = SMX_ENOTFOUND;

	pthread_mutex_lock(&t->lock);
	refresh(t);
	if (!t->known)
		rc = SMX_EIO;
	for (size_t i = 0; t->known && i < t->count; i++)
		if (strcmp(t->list[i].name, name) == 0) {
			*out = t->list[i];
			rc = SMX_OK;
			break;
		}
	pthread_mutex_unlock(&t->lock);
	return rc;
}
