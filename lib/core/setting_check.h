/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SETTING_CHECK_H
#define CORE_SETTING_CHECK_H

#include <shadowmx/err.h>

/* Checks of single texts for the table of settings; see setting_check_fn. */
const char *check_hostname(const char *text, char *out);
const char *check_account(const char *text, char *out);
const char *check_path(const char *text, char *out);
const char *check_socket_path(const char *text, char *out);
const char *check_milter_listen(const char *text, char *out);
/* The same, where no other host comes to. */
const char *check_local_listen(const char *text, char *out);
const char *check_endpoint(const char *text, char *out);
const char *check_submit(const char *text, char *out);
const char *check_pin(const char *text, char *out);
const char *check_label(const char *text, char *out);
const char *check_policy_name(const char *text, char *out);
const char *check_recipient(const char *text, char *out);
const char *check_domain(const char *text, char *out);
const char *check_network(const char *text, char *out);
const char *check_next_hop(const char *text, char *out);
const char *check_primary(const char *text, char *out);
const char *check_hand_to(const char *text, char *out);
const char *check_country(const char *text, char *out);

/* SMX_EINVAL unless text has the form of a pin. */
int pin_check(const char *text) SMX_MUST_USE;

#endif
