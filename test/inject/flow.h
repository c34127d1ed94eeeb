/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef INJECT_FLOW_H
#define INJECT_FLOW_H

/*
 * One thing that the library does, in a process and a folder of its own.  act
 * is done while calls fail and once more when none does; what it was promised
 * in between it remembers, and judge looks whether it was kept.
 */
struct flow {
	const char *name;
	void (*prepare)(void); /* may be NULL; nothing fails */
	int (*act)(void);      /* SMX_OK or what went wrong */
	void (*judge)(void);   /* may be NULL; nothing fails */
	int sqlite;            /* its calls fail, too */
};

extern const char *flow_folder;    /* for what act needs */
char *flow_path(const char *name); /* in it; good until the eighth call after */

/* The process ends, and its run has failed. */
void flow_must(int true_that, const char *claim);

extern const struct flow flow_configuration, flow_table, flow_postcat,
    flow_store, flow_store_memory, flow_spill, flow_fencebook, flow_onecopy,
    flow_marker, flow_key, flow_hosts, flow_delivery, flow_delivery_part;

#endif
