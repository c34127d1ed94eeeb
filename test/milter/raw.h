/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_RAW_H
#define TEST_RAW_H

#include <stddef.h>

/*
 * The MTA's side of the milter protocol, written byte by byte, for what
 * miltertest cannot do: long headers, large bodies, many connections at once,
 * rubbish.  Everything has a deadline; functions return 0 or -1.
 */
struct raw {
	int fd;
	unsigned long steps; /* negotiated */
};

#define RAW_REPLY_MAX 4096

struct raw_reply {
	char command; /* SMFIR_*, 0: connection closed */
	size_t len;
	char data[RAW_REPLY_MAX];
};

/* "unix:/path".  steps: what this MTA offers. */
int raw_open(struct raw *raw, const char *socket_name, unsigned long steps);
void raw_close(struct raw *raw);
int raw_connect_only(const char *socket_name);

int raw_send(struct raw *raw, char command, const void *data, size_t len);
/* A command of strings, each sent with its NUL; ends with NULL. */
int raw_strings(struct raw *raw, char command, const char *const *strings);
/* The final reply; progress notes are read past and counted. */
int raw_read(struct raw *raw, struct raw_reply *reply, int timeout_ms,
    unsigned *progress);
/* Send, and read the reply unless this stage was negotiated to have none. */
int raw_ask(struct raw *raw, char command, const char *const *strings,
    struct raw_reply *reply);

/* CONNECT and HELO. */
int raw_greet(struct raw *raw);
/* MAIL and one RCPT; answer: the last. */
int raw_envelope(struct raw *raw, const char *rcpt, char *answer);
/* The queue id as a macro of DATA ('T') or of the end of message ('E'). */
int raw_queue_id(struct raw *raw, char command, const char *queue_id);
/* The queue id and DATA. */
int raw_data(struct raw *raw, const char *queue_id, char *answer);
int raw_header(struct raw *raw, const char *name, const char *value);
int raw_body(struct raw *raw, const void *data, size_t len);

#endif
