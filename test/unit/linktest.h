/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_LINKTEST_H
#define TEST_LINKTEST_H

#include <pthread.h>
#include <stdint.h>

#include <shadowmx/identity.h>
#include <shadowmx/link.h>

/* A server's table that remembers what it was told and answers as it should. */
struct recorder {
	struct smx_link_server table;
	pthread_mutex_t lock;
	_Atomic int begin_result;
	_Atomic int data_result;
	_Atomic int commit_result;
	_Atomic int commit_ms; /* a commit takes so long */
	_Atomic int request_result;
	struct smx_hello ours;
	enum smx_mta_health mta;

	_Atomic size_t hellos; /* with the other's */
	_Atomic size_t asked;  /* without it */
	_Atomic size_t heard;
	_Atomic size_t begun;
	_Atomic size_t committed;
	_Atomic size_t cancelled;
	_Atomic size_t damaged; /* content, envelope or size not as sent */
	_Atomic size_t inside;  /* calls that have not returned */
	_Atomic size_t inside_most;
	_Atomic size_t peer; /* of the last call */
	uint8_t seen[4096];  /* commits, by the key's counter */
	struct smx_hello theirs;
	struct smx_request request; /* the last one; keys[0] in first */
	struct smx_key first;
	char node[256];     /* its node */
	char amended[4096]; /* its amendments in words, a line each */
};

void recorder_init(struct recorder *r);

/* A shadow whose every byte follows from its counter. */
struct sample {
	struct smx_shadow shadow;
	struct smx_content content;
	char *bytes;
	char envelope[128];
};

/* streamed: the content can only be had through read(). */
void sample_make(struct sample *s, uint64_t counter, size_t size, int streamed);
void sample_free(struct sample *s);

/* Up to three hosts with TLS links on 127.0.0.1; host 0 knows 1 and 2 as its
 * peers 0 and 1, host 1 knows 0 and 2, host 2 knows 0 and 1. */
struct net {
	char folder[64];
	char key_file[3][96];
	char pin[3][SMX_PIN_TEXT];
	int fd[3]; /* listening, kept over restarts of a link */
	uint16_t port[3];
	struct smx_link link[3];
	struct smx_link_options options; /* for the next net_link */
};

void net_open(struct net *n);
void net_link(struct net *n, int host);
void net_close(struct net *n);

int64_t now_ms(void);
void sleep_ms(int ms);
/* Send one and wait for its fate. */
int send_sample(struct smx_link *link, size_t peer, const struct sample *s,
    int64_t ms);
int beat(struct smx_link *link, size_t peer, int64_t ms);

#endif
