/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/courier.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/hopconf.h"
#include "io/served_book.h"

/* As long as one message may take, about. */
#define TRIAL_MS 60000
/* Those that wait are few: the ceiling is for the table of their clients. */
#define WAITERS_MAX 4096

struct waiter {
	char client[64];
	unsigned count;
};

struct courier {
	pthread_mutex_t lock;
	const struct conf *conf;     /* the start's */
	struct hops *hops;           /* under lock until it is there */
	int no_hops;                 /* under lock: they cannot be had */
	struct hopstates *states;    /* under lock */
	struct waiter *waiter;       /* under lock, as is the next */
	size_t waiters, waiter_room; /* clients of which somebody waits */
	int64_t held;                /* under lock */
	courier_heard_fn heard;      /* under lock, NULL: nobody */
	void *heard_ctx;
	struct routes *routes;
	struct served_book *book; /* NULL: none */
	atomic_int has_served;
	atomic_ullong counts[COURIER_COUNTS];
};

/* ---- beginning and end ---- */

static void
open_book(struct courier *c, const char *folder)
{
	struct log_line l;
	char why[256] = "";

	if (folder == NULL)
		return;
	if (served_book_open(&c->book, folder, clock_wall_ms(), why,
		sizeof(why)) != SMX_OK) {
		log_begin(&l, SMX_LOG_ERR, NULL, "served-not-opened");
		log_str(&l, "reason", why);
		log_end(&l);
		return;
	}
	atomic_store(&c->has_served, served_book_count(c->book) != 0);
}

int
courier_new(struct courier **out, const struct courier_options *options)
{
	struct hopstates_options states;
	struct courier *c = calloc(1, sizeof(*c));
	int rc = SMX_ENOMEM;

	if (c != NULL) {
		pthread_mutex_init(&c->lock, NULL);
		c->conf = options->conf;
		hopconf_states(options->conf, &states);
		rc = hopstates_new(&c->states, &states);
	}
	if (rc == SMX_OK)
		rc = routes_new(&c->routes, options->queue);
	if (rc != SMX_OK) {
		courier_free(&c);
		return rc;
	}
	open_book(c, options->folder);
	*out = c;
	return SMX_OK;
}

void
courier_free(struct courier **courier)
{
	struct courier *c = *courier;

	*courier = NULL;
	if (c == NULL)
		return;
	hops_free(&c->hops);
	hopstates_free(&c->states);
	routes_free(&c->routes);
	served_book_close(&c->book);
	pthread_mutex_destroy(&c->lock);
	free(c->waiter);
	free(c);
}

void
courier_change(struct courier *c, const struct conf *conf)
{
	struct hopstates_options options;

	hopconf_states(conf, &options);
	pthread_mutex_lock(&c->lock);
	hopstates_change(c->states, &options);
	pthread_mutex_unlock(&c->lock);
	routes_forget(c->routes);
}

static void
make_hops_locked(struct courier *c)
{
	struct hops_options options;
	struct log_line l;
	char why[256] = "";
	int rc;

	hopconf_hops(c->conf, &options);
	rc = hops_new(&c->hops, &options, why, sizeof(why));
	if (rc == SMX_OK)
		return;
	c->hops = NULL;
	c->no_hops = 1;
	log_begin(&l, SMX_LOG_ERR, NULL, "no-delivery");
	log_err(&l, "result", rc);
	log_str(&l, "reason", why);
	log_end(&l);
}

struct hops *
courier_hops(struct courier *c)
{
	struct hops *hops;

	pthread_mutex_lock(&c->lock);
	if (c->hops == NULL && !c->no_hops)
		make_hops_locked(c);
	hops = c->hops;
	pthread_mutex_unlock(&c->lock);
	return hops;
}

void
courier_tidy(struct courier *c)
{
	static const struct nexthop nobody = { .kind = NEXTHOP_UNIX };
	struct hops *hops;

	pthread_mutex_lock(&c->lock);
	hops = c->hops;
	pthread_mutex_unlock(&c->lock);
	if (hops != NULL)
		(void)hops_idle(hops, &nobody); /* looks at all of them */
}

struct routes *
courier_routes(struct courier *c)
{
	return c->routes;
}

/* ---- who waits ---- */

static struct waiter *
find_waiter_locked(struct courier *c, const char *client)
{
	for (size_t i = 0; i < c->waiters; i++)
		if (strcmp(c->waiter[i].client, client) == 0)
			return &c->waiter[i];
	return NULL;
}

static struct waiter *
add_waiter_locked(struct courier *c, const char *client)
{
	struct waiter *w;

	if (c->waiters == c->waiter_room) {
		size_t room = c->waiter_room == 0 ? 32 : c->waiter_room * 2;

		if (room > WAITERS_MAX)
			return NULL;
		w = realloc(c->waiter, room * sizeof(*w));
		if (w == NULL)
			return NULL;
		c->waiter = w;
		c->waiter_room = room;
	}
	w = &c->waiter[c->waiters];
	memset(w, 0, sizeof(*w));
	(void)text_copy(w->client, sizeof(w->client), client);
	c->waiters++;
	return w;
}

int
courier_enter(struct courier *c, const struct conf *conf, const char *client)
{
	struct waiter *w;
	int rc = SMX_ELIMIT;

	pthread_mutex_lock(&c->lock);
	w = find_waiter_locked(c, client);
	if (c->held < conf->delivery_max_held &&
	    (w == NULL || (int64_t)w->count < conf->delivery_max_held_client)) {
		if (w == NULL)
			w = add_waiter_locked(c, client);
		if (w != NULL) {
			w->count++;
			c->held++;
			rc = SMX_OK;
		}
	}
	pthread_mutex_unlock(&c->lock);
	if (rc != SMX_OK)
		courier_count(c, COURIER_LIMIT, 1);
	return rc;
}

void
courier_leave(struct courier *c, const char *client)
{
	struct waiter *w;

	pthread_mutex_lock(&c->lock);
	w = find_waiter_locked(c, client);
	c->held--;
	if (w != NULL && --w->count == 0)
		*w = c->waiter[--c->waiters];
	pthread_mutex_unlock(&c->lock);
}

/* ---- what is known of them ---- */

enum hopstate_word
courier_ask(struct courier *c, const char *name)
{
	enum hopstate_word word;

	pthread_mutex_lock(&c->lock);
	word = hopstates_ask(c->states, name, TRIAL_MS, clock_mono_ms());
	pthread_mutex_unlock(&c->lock);
	return word;
}

int64_t
courier_rcpt_wait(struct courier *c, const char *name, int64_t floor_ms,
    int64_t most_ms)
{
	int64_t wait;

	pthread_mutex_lock(&c->lock);
	wait = hopstates_rcpt_wait(c->states, name, floor_ms, most_ms);
	pthread_mutex_unlock(&c->lock);
	return wait;
}

int64_t
courier_data_wait(struct courier *c, const char *name, int64_t floor_ms,
    int64_t most_ms)
{
	int64_t wait;

	pthread_mutex_lock(&c->lock);
	wait = hopstates_data_wait(c->states, name, floor_ms, most_ms);
	pthread_mutex_unlock(&c->lock);
	return wait;
}

static void
log_turn(enum hopstate_turn turn, const char *name, const char *why,
    int64_t backoff_ms)
{
	struct log_line l;

	if (turn == HOPSTATE_SAME)
		return;
	log_begin(&l,
	    turn == HOPSTATE_WENT_DOWN ? SMX_LOG_WARNING : SMX_LOG_NOTICE, NULL,
	    turn == HOPSTATE_WENT_DOWN ? "next-hop-down" : "next-hop-up");
	log_str(&l, "next_hop", name);
	if (turn == HOPSTATE_WENT_DOWN) {
		log_num(&l, "backoff_ms", backoff_ms);
		log_str(&l, "reason", why == NULL ? "" : why);
	}
	log_end(&l);
}

void
courier_tell(struct courier *c, const char *name, enum hopstate_event event,
    int64_t ms, const char *why)
{
	const struct hopstate *state;
	enum hopstate_turn turn;
	courier_heard_fn heard;
	void *ctx;
	int64_t backoff_ms = 0;

	pthread_mutex_lock(&c->lock);
	turn = hopstates_tell(c->states, name, event, ms, why, clock_mono_ms());
	if (turn == HOPSTATE_WENT_DOWN) {
		state = hopstates_find(c->states, name);
		backoff_ms = state == NULL ? 0 : state->backoff_ms;
	}
	heard = c->heard;
	ctx = c->heard_ctx;
	pthread_mutex_unlock(&c->lock);
	log_turn(turn, name, why, backoff_ms);
	if (heard != NULL &&
	    (event == HOPSTATE_DELIVERED || event == HOPSTATE_FAILED))
		heard(ctx, name, event == HOPSTATE_DELIVERED, why);
}

void
courier_listen(struct courier *c, courier_heard_fn heard, void *ctx)
{
	pthread_mutex_lock(&c->lock);
	c->heard = heard;
	c->heard_ctx = ctx;
	pthread_mutex_unlock(&c->lock);
}

/* ---- the book ---- */

int
courier_has_served(const struct courier *c)
{
	return c != NULL && atomic_load(&c->has_served);
}

size_t
courier_look(struct courier *c, const struct resend_message *message,
    unsigned char *served)
{
	memset(served, 0, message->count);
	return c->book == NULL ? 0
			       : served_book_look(c->book, message, served,
				     clock_wall_ms());
}

int
courier_book(struct courier *c, const struct resend_message *message,
    const unsigned char *served)
{
	size_t n = 0;
	int rc;

	if (c->book == NULL)
		return SMX_EIO;
	rc = served_book_add(c->book, message, served, clock_wall_ms());
	if (rc != SMX_OK)
		return rc;
	atomic_store(&c->has_served, 1);
	for (size_t i = 0; i < message->count; i++)
		n += served[i] != 0;
	courier_count(c, COURIER_BOOKED, n);
	return SMX_OK;
}

/* ---- counting ---- */

void
courier_count(struct courier *c, enum courier_count which, size_t n)
{
	atomic_fetch_add_explicit(&c->counts[which], n, memory_order_relaxed);
}

void
courier_members(struct courier *c, struct buf *b)
{
	static const char *const names[COURIER_COUNTS] = {
		[COURIER_MESSAGES] = "messages",
		[COURIER_RCPTS] = "recipients",
		[COURIER_PARTS] = "partial",
		[COURIER_REFUSED_RCPT] = "refused_recipients",
		[COURIER_REFUSED] = "refused",
		[COURIER_UNSURE] = "unsure",
		[COURIER_LIMIT] = "over_limit",
		[COURIER_LATE] = "given_up",
		[COURIER_AGAIN] = "served_again",
		[COURIER_BOOKED] = "booked",
		[COURIER_UNBOOKED] = "not_booked",
	};
	int64_t held;

	for (int i = 0; i < COURIER_COUNTS; i++)
		json_num(b, names[i],
		    (long long)atomic_load_explicit(&c->counts[i],
			memory_order_relaxed));
	pthread_mutex_lock(&c->lock);
	held = c->held;
	pthread_mutex_unlock(&c->lock);
	json_num(b, "waiting", held);
	json_num(b, "book",
	    c->book == NULL ? -1 : (long long)served_book_count(c->book));
}

/* ---- an operator's ---- */

static size_t
idle_to(struct hops *hops, const char *name)
{
	struct nexthop to;

	return hops == NULL || nexthop_parse(&to, name) != SMX_OK
		   ? 0
		   : hops_idle(hops, &to);
}

void
courier_each(struct courier *c,
    void (*each)(void *ctx, const struct hopstate *state, size_t idle),
    void *ctx)
{
	const struct hopstate *state = NULL;
	struct hopstate copy;
	struct hops *hops;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		state =
		    hopstates_next(c->states, state == NULL ? NULL : copy.name);
		if (state != NULL)
			copy = *state;
		hops = c->hops;
		pthread_mutex_unlock(&c->lock);
		if (state == NULL)
			return;
		each(ctx, &copy, idle_to(hops, copy.name));
	}
}

int
courier_reset(struct courier *c, const char *name, size_t *closed)
{
	struct nexthop to;
	struct hops *hops;
	size_t known;

	*closed = 0;
	if (name != NULL && nexthop_parse(&to, name) != SMX_OK)
		return SMX_EINVAL;
	pthread_mutex_lock(&c->lock);
	known = hopstates_reset(c->states, name);
	hops = c->hops;
	c->no_hops = 0;
	pthread_mutex_unlock(&c->lock);
	if (hops != NULL)
		*closed = hops_reset(hops, name == NULL ? NULL : &to);
	routes_forget(c->routes);
	return name == NULL || known != 0 || *closed != 0 ? SMX_OK
							  : SMX_ENOTFOUND;
}
