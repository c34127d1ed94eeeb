/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/stsfetch.h"

#include <stdio.h>
#include <string.h>

#define DOMAIN_MAX 245 /* "mta-sts." before it is still a name */

int
stsfetch_host(char *out, size_t size, const char *domain)
{
	size_t len = strlen(domain);

	/* nothing that ends the host's part of an address */
	if (len == 0 || len > DOMAIN_MAX || domain[0] == '.' ||
	    strspn(domain,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-_.") != len)
		return SMX_EINVAL;
	return (size_t)snprintf(out, size, "mta-sts.%s", domain) < size
		   ? SMX_OK
		   : SMX_EINVAL;
}

#ifdef HAVE_LIBCURL

#include <pthread.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/clock.h"

#define HEADERS_MAX 65536

struct fetch {
	const struct stsfetch *question;
	struct buf *out;
	size_t before; /* that was in out */
	size_t headers;
	int64_t began_ms;
	int closed; /* waiting said so */
	int too_long;
	CURL *curl;
	struct curl_slist *resolve;
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int ready;

static void
make_ready(void)
{
	ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

int
stsfetch_is_possible(void)
{
	return 1;
}

/* ---- what comes ---- */

static size_t
take(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *f = ctx;
	size_t len = size * count;

	if (f->out->len - f->before + len > f->question->max) {
		f->too_long = 1;
		return 0;
	}
	return buf_add(f->out, data, len) == SMX_OK ? len : 0;
}

static size_t
take_header(char *data, size_t size, size_t count, void *ctx)
{
	struct fetch *f = ctx;
	size_t len = size * count;

	(void)data;
	f->headers += len;
	f->too_long |= f->headers > HEADERS_MAX;
	return f->too_long ? 0 : len;
}

/* Called about once a second, whether anything comes or not. */
static int
go_on(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct fetch *f = ctx;
	const struct stsfetch *q = f->question;

	(void)a, (void)b, (void)c, (void)d;
	if (q->waiting != NULL &&
	    q->waiting(q->waiting_ctx, clock_mono_ms() - f->began_ms) != 0)
		f->closed = 1;
	return f->closed;
}

/* ---- the question ---- */

static int
set_protocol(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") ==
	       CURLE_OK;
#else
	return curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
		   (long)CURLPROTO_HTTPS) == CURLE_OK;
#endif
}

/* No proxy of the environment, no redirect, no decoding. */
static int
set_manners(struct fetch *f)
{
	CURL *c = f->curl;

	return set_protocol(c) &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
		   (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, PACKAGE_NAME) ==
		   CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK;
}

static int
set_trust(struct fetch *f)
{
	CURL *c = f->curl;
	const char *ca = f->question->ca;

	if (curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_SSLVERSION,
		(long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK)
		return 0;
	/* those of this file, and not the system's besides */
	return ca[0] == '\0' ||
	       (curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK &&
		   curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK);
}

static int
set_ears(struct fetch *f)
{
	CURL *c = f->curl;

	return curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, f) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header) ==
		   CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HEADERDATA, f) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, go_on) ==
		   CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_XFERINFODATA, f) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

/* The resolver of the C library has no deadline: it is not asked. */
static int
set_place(struct fetch *f, const char *host)
{
	int64_t left = f->question->until_mono_ms - f->began_ms;
	char text[512];

	if (left < 1)
		left = 1;
	if ((size_t)snprintf(text, sizeof(text), "%s:%d:%s", host,
		STSFETCH_PORT, f->question->addresses) >= sizeof(text))
		return 0;
	f->resolve = curl_slist_append(NULL, text);
	snprintf(text, sizeof(text), "https://%s/.well-known/mta-sts.txt",
	    host);
	return f->resolve != NULL &&
	       curl_easy_setopt(f->curl, CURLOPT_RESOLVE, f->resolve) ==
		   CURLE_OK &&
	       curl_easy_setopt(f->curl, CURLOPT_URL, text) == CURLE_OK &&
	       curl_easy_setopt(f->curl, CURLOPT_CONNECTTIMEOUT_MS,
		   (long)left) == CURLE_OK &&
	       curl_easy_setopt(f->curl, CURLOPT_TIMEOUT_MS, (long)left) ==
		   CURLE_OK;
}

/* ---- the answer ---- */

static int
is_plain_text(const char *type)
{
	static const char plain[] = "text/plain";
	size_t n = sizeof(plain) - 1;

	return type != NULL && strncasecmp(type, plain, n) == 0 &&
	       strchr("; \t", type[n]) != NULL;
}

static int
judge(struct fetch *f, CURLcode rc, char why[STSFETCH_WHY])
{
	char *type = NULL;
	long status = 0;

	if (f->closed)
		return SMX_ECLOSED;
	if (buf_error(f->out) == SMX_ENOMEM || rc == CURLE_OUT_OF_MEMORY)
		return SMX_ENOMEM;
	(void)curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(f->curl, CURLINFO_CONTENT_TYPE, &type);
	if (f->too_long)
		snprintf(why, STSFETCH_WHY, "it is longer than %zu bytes",
		    f->question->max);
	else if (rc != CURLE_OK)
		snprintf(why, STSFETCH_WHY, "%.150s",
		    f->error[0] != '\0' ? f->error : curl_easy_strerror(rc));
	else if (status != 200)
		snprintf(why, STSFETCH_WHY, "the answer is %ld, not 200",
		    status);
	else if (!is_plain_text(type))
		snprintf(why, STSFETCH_WHY, "its type is %.60s, not text/plain",
		    type != NULL ? type : "not told");
	else
		return SMX_OK;
	for (char *c = why; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return SMX_ETEMP;
}

int
stsfetch(const struct stsfetch *question, struct buf *out,
    char why[STSFETCH_WHY])
{
	struct fetch f = { .question = question,
		.out = out,
		.before = out->len,
		.began_ms = clock_mono_ms() };
	char host[256];
	int rc = stsfetch_host(host, sizeof(host), question->domain);

	why[0] = '\0';
	if (rc != SMX_OK)
		return rc;
	pthread_once(&once, make_ready);
	f.curl = ready ? curl_easy_init() : NULL;
	if (f.curl == NULL || !set_manners(&f) || !set_trust(&f) ||
	    !set_ears(&f) || !set_place(&f, host))
		rc = SMX_ENOMEM;
	if (rc == SMX_OK)
		rc = judge(&f, curl_easy_perform(f.curl), why);
	curl_easy_cleanup(f.curl);
	curl_slist_free_all(f.resolve);
	return rc;
}

#else

int
stsfetch_is_possible(void)
{
	return 0;
}

int
stsfetch(const struct stsfetch *question, struct buf *out,
    char why[STSFETCH_WHY])
{
	(void)question;
	(void)out;
	snprintf(why, STSFETCH_WHY, "built without libcurl");
	return SMX_ETEMP;
}

#endif
