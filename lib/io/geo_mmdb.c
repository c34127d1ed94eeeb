/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/geo_mmdb.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "core/setting_read.h"

#define MESSAGE_BYTES 192

struct base {
	MMDB_s db;
	const char *path; /* the configuration's */
	int open;
	atomic_flag told; /* a damaged record was logged once */
};

struct geo_mmdb {
	struct base country;
	struct base asn;
};

/* Every node of the search tree; what hangs on it is read at each lookup and
 * checked there. */
static int
tree_sound(const MMDB_s *db)
{
	for (uint32_t i = 0; i < db->metadata.node_count; i++) {
		MMDB_search_node_s node;

		if (MMDB_read_node(db, i, &node) != MMDB_SUCCESS ||
		    node.left_record_type == MMDB_RECORD_TYPE_INVALID ||
		    node.right_record_type == MMDB_RECORD_TYPE_INVALID)
			return 0;
	}
	return 1;
}

/* Opens it, or says why not. */
static const char *
base_wrong(struct base *base, const char *path)
{
	struct stat st;
	int result;

	/* Opening a FIFO would wait for a writer. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return "it is not a regular file";
	result = MMDB_open(path, MMDB_MODE_MMAP, &base->db);
	if (result != MMDB_SUCCESS)
		return MMDB_strerror(result);
	base->open = 1;
	return tree_sound(&base->db) ? NULL : "its search tree is damaged";
}

static void
base_open(struct base *base, const char *path, const char *setting,
    const struct tree *root, struct problems *problems)
{
	char message[MESSAGE_BYTES];
	const char *why;

	if (path[0] == '\0')
		return;
	base->path = path;
	why = base_wrong(base, path);
	if (why == NULL)
		return;
	snprintf(message, sizeof(message), "the database cannot be used: %s",
	    why);
	problem_node(problems, tree_find(root, setting), setting, message,
	    "a readable file in MaxMind DB format");
}

static void
base_close(struct base *base)
{
	if (base->open)
		MMDB_close(&base->db);
}

static void
geo_close(void *ctx)
{
	struct geo_mmdb *geo = ctx;

	base_close(&geo->country);
	base_close(&geo->asn);
	free(geo);
}

static void
damaged(struct base *base, int result)
{
	struct log_line l;

	if (atomic_flag_test_and_set(&base->told))
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "geo-damaged");
	log_str(&l, "file", base->path);
	log_str(&l, "error", MMDB_strerror(result));
	log_end(&l);
}

static int
lookup(struct base *base, const struct ip *ip, MMDB_lookup_result_s *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *address = (const struct sockaddr *)&v6;
	int result = MMDB_SUCCESS;

	if (!base->open)
		return 0;
	if (ip->family == 4) {
		memcpy(&v4.sin_addr, ip->octet + 12, 4);
		address = (const struct sockaddr *)&v4;
	} else {
		memcpy(&v6.sin6_addr, ip->octet, 16);
	}
	*out = MMDB_lookup_sockaddr(&base->db, address, &result);
	if (result == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return 0;
	if (result != MMDB_SUCCESS)
		damaged(base, result);
	return result == MMDB_SUCCESS && out->found_entry;
}

static int
value_get(struct base *base, MMDB_lookup_result_s *found,
    const char *const *path, MMDB_entry_data_s *data)
{
	int result = MMDB_aget_value(&found->entry, data, path);

	if (result == MMDB_SUCCESS)
		return data->has_data;
	if (result != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		damaged(base, result);
	return 0;
}

static int
is_code(const MMDB_entry_data_s *data)
{
	return data->type == MMDB_DATA_TYPE_UTF8_STRING &&
	       data->data_size == 2 && data->utf8_string[0] >= 'A' &&
	       data->utf8_string[0] <= 'Z' && data->utf8_string[1] >= 'A' &&
	       data->utf8_string[1] <= 'Z';
}

/* registered_country: where the network is registered, for those whose place
 * is unknown. */
static void
country_locate(struct base *base, const struct ip *ip,
    struct smx_client *client)
{
	static const char *const where[] = { "country", "iso_code", NULL };
	static const char *const registered[] = { "registered_country",
		"iso_code", NULL };
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;

	if (!lookup(base, ip, &found) ||
	    !((value_get(base, &found, where, &data) && is_code(&data)) ||
		(value_get(base, &found, registered, &data) && is_code(&data))))
		return;
	memcpy(client->country, data.utf8_string, 2);
	client->country[2] = '\0';
}

static void
asn_locate(struct base *base, const struct ip *ip, struct smx_client *client)
{
	static const char *const path[] = { "autonomous_system_number", NULL };
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;

	if (!lookup(base, ip, &found) || !value_get(base, &found, path, &data))
		return;
	if (data.type == MMDB_DATA_TYPE_UINT32)
		client->asn = data.uint32;
	else if (data.type == MMDB_DATA_TYPE_UINT16)
		client->asn = data.uint16;
}

static void
geo_locate(void *ctx, const struct ip *ip, struct smx_client *client)
{
	struct geo_mmdb *geo = ctx;

	country_locate(&geo->country, ip, client);
	asn_locate(&geo->asn, ip, client);
}

static const struct geo_ops ops = { geo_locate, geo_close };

void
geo_mmdb_open(struct geo *geo, const struct conf *conf, const struct tree *root,
    struct problems *problems)
{
	struct geo_mmdb *g;

	if (conf->geo_country[0] == '\0' && conf->geo_asn[0] == '\0')
		return;
	g = calloc(1, sizeof(*g));
	if (g == NULL) {
		problem_node(problems, tree_find(root, "geo"), "geo",
		    "no memory for the databases", "");
		return;
	}
	atomic_flag_clear(&g->country.told);
	atomic_flag_clear(&g->asn.told);
	geo->ctx = g;
	geo->ops = &ops;
	base_open(&g->country, conf->geo_country, "geo.country", root,
	    problems);
	base_open(&g->asn, conf->geo_asn, "geo.asn", root, problems);
}
