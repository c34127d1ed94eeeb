/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include <stddef.h>

/*
 * Where to listen and where to connect, as text.  Each check returns NULL when
 * the text is good, else a sentence that says what is wrong.
 */
#define SOCKET_PATH_MAX 107 /* what fits sun_path, without the NUL */
#define ENDPOINT_TEXT   320

const char *socket_path_check(const char *path);
/* "192.0.2.2:8825", "[2001:db8::2]:8825". */
const char *endpoint_check(const char *text);
/* The same, or "unix:/path". */
const char *submit_check(const char *text);
/* "unix:/path", "local:/path", libmilter's "inet:port@host" and
 * "inet6:port@host", Postfix's "inet:host:port".  out (ENDPOINT_TEXT) gets
 * libmilter's form. */
const char *milter_listen_check(const char *text, char *out);

#endif
