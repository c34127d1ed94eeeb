/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/geo_mmdb.h"

#include <maxminddb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define CHUNK_BYTES 65536

/* Records looked at for what the database is there for. */
#define SAMPLES_MAX 100000

static const char wanted[] = "a readable file in MaxMind DB format";

struct base {
	atomic_uint references;
	MMDB_s db;
	char *path;       /* the configuration's */
	atomic_flag told; /* a damaged record was logged once */
};

static const char *const country_path[] = { "country", "iso_code", NULL };
static const char *const registered_path[] = { "registered_country", "iso_code",
	NULL };
static const char *const asn_path[] = { "autonomous_system_number", NULL };

static int
holds_value(MMDB_entry_s *entry, const char *const *path)
{
	MMDB_entry_data_s data;

	return MMDB_aget_value(entry, &data, path) == MMDB_SUCCESS &&
	       data.has_data;
}

static int
holds(MMDB_entry_s *entry, enum source_kind kind)
{
	if (kind == SOURCE_ASN)
		return holds_value(entry, asn_path);
	return holds_value(entry, country_path) ||
	       holds_value(entry, registered_path);
}

/* Every node of the search tree; what hangs on it is read at each lookup and
 * checked there.  NULL when all is well. */
static const char *
tree_wrong(const MMDB_s *db, enum source_kind kind)
{
	int found = 0, samples = 0;

	for (uint32_t i = 0; i < db->metadata.node_count; i++) {
		MMDB_search_node_s node;

		if (MMDB_read_node(db, i, &node) != MMDB_SUCCESS ||
		    node.left_record_type == MMDB_RECORD_TYPE_INVALID ||
		    node.right_record_type == MMDB_RECORD_TYPE_INVALID)
			return "its search tree is damaged";
		if (found || samples >= SAMPLES_MAX)
			continue;
		if (node.left_record_type == MMDB_RECORD_TYPE_DATA && ++samples)
			found = holds(&node.left_record_entry, kind);
		if (node.right_record_type == MMDB_RECORD_TYPE_DATA && !found &&
		    ++samples)
			found = holds(&node.right_record_entry, kind);
	}
	if (found)
		return NULL;
	return kind == SOURCE_ASN ? "it holds no numbers of autonomous systems"
				  : "it holds no countries";
}

/* ---- a copy of our own ---- */

static int
write_all(int fd, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			return SMX_EIO;
		data += n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

/*
 * libmaxminddb can only map a file, and a mapped file that somebody makes
 * shorter ends the process.  So it gets to see memory with a name and nothing
 * that anybody else could write into.
 */
static int
copy_make(int from, int *out, struct source_trouble *trouble)
{
	char data[CHUNK_BYTES];
	int fd = memfd_create("shadowmx-geo", MFD_CLOEXEC);
	int n = 1, any = 0, result = fd >= 0 ? SMX_OK : SMX_EIO;

	while (result == SMX_OK && n > 0) {
		n = source_file_read(from, data, sizeof(data), trouble);
		any |= n > 0;
		result = n < 0 ? n : write_all(fd, data, (size_t)n);
	}
	if (result == SMX_OK && any) {
		*out = fd;
		return SMX_OK;
	}
	if (result == SMX_OK)
		result = trouble_set(trouble, SMX_ECONFIG, "the file is empty",
		    wanted);
	else if (n >= 0)
		trouble_set(trouble, SMX_EIO,
		    "there is no memory for a copy of it", wanted);
	if (fd >= 0)
		close(fd);
	return result;
}

static int
copy_open(MMDB_s *db, int fd, struct source_trouble *trouble)
{
	char path[64];
	int result;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = MMDB_open(path, MMDB_MODE_MMAP, db);
	if (result == MMDB_SUCCESS)
		return SMX_OK;
	if (result == MMDB_FILE_OPEN_ERROR)
		return trouble_set(trouble, SMX_EIO,
		    "its copy in memory cannot be opened (is /proc mounted?)",
		    "a system with /proc");
	return trouble_set(trouble,
	    result == MMDB_OUT_OF_MEMORY_ERROR ? SMX_ENOMEM : SMX_ECONFIG,
	    MMDB_strerror(result), wanted);
}

static void
base_free(struct base *base)
{
	free(base->path);
	free(base);
}

static int
base_fill(struct base *base, enum source_kind kind, int fd,
    struct source_trouble *trouble)
{
	const char *wrong;
	int copy = -1;
	int result = copy_make(fd, &copy, trouble);

	if (result != SMX_OK)
		return result;
	result = copy_open(&base->db, copy, trouble);
	close(copy);
	if (result != SMX_OK)
		return result;
	wrong = tree_wrong(&base->db, kind);
	if (wrong == NULL)
		return SMX_OK;
	snprintf(trouble->message, sizeof(trouble->message),
	    "%s; its type is \"%.64s\"", wrong,
	    base->db.metadata.database_type != NULL
		? base->db.metadata.database_type
		: "");
	trouble->accepted = kind == SOURCE_ASN ? "a database of networks"
					       : "a database of countries";
	MMDB_close(&base->db);
	return SMX_ECONFIG;
}

static void
base_hold(void *ctx)
{
	struct base *base = ctx;

	atomic_fetch_add_explicit(&base->references, 1, memory_order_relaxed);
}

static void
base_close(void *ctx)
{
	struct base *base = ctx;

	if (atomic_fetch_sub_explicit(&base->references, 1,
		memory_order_acq_rel) != 1)
		return;
	MMDB_close(&base->db);
	base_free(base);
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
country_locate(void *ctx, const struct ip *ip, struct smx_client *client)
{
	struct base *base = ctx;
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;

	if (!lookup(base, ip, &found) ||
	    !((value_get(base, &found, country_path, &data) &&
		  is_code(&data)) ||
		(value_get(base, &found, registered_path, &data) &&
		    is_code(&data))))
		return;
	memcpy(client->country, data.utf8_string, 2);
	client->country[2] = '\0';
}

static void
asn_locate(void *ctx, const struct ip *ip, struct smx_client *client)
{
	struct base *base = ctx;
	MMDB_lookup_result_s found;
	MMDB_entry_data_s data;

	if (!lookup(base, ip, &found) ||
	    !value_get(base, &found, asn_path, &data))
		return;
	if (data.type == MMDB_DATA_TYPE_UINT32)
		client->asn = data.uint32;
	else if (data.type == MMDB_DATA_TYPE_UINT16)
		client->asn = data.uint16;
}

static const struct geo_ops country_ops = { country_locate, base_hold,
	base_close };
static const struct geo_ops asn_ops = { asn_locate, base_hold, base_close };

int
geo_mmdb_open(struct source *source, int fd, struct source_trouble *trouble)
{
	struct base *base = calloc(1, sizeof(*base));
	int result;

	if (base != NULL)
		base->path = strdup(source->path);
	if (base == NULL || base->path == NULL) {
		free(base);
		return trouble_set(trouble, SMX_ENOMEM, "no memory", "");
	}
	atomic_init(&base->references, 1);
	atomic_flag_clear(&base->told);
	result = base_fill(base, source->kind, fd, trouble);
	if (result != SMX_OK) {
		base_free(base);
		return result;
	}
	source->geo.ctx = base;
	source->geo.ops =
	    source->kind == SOURCE_COUNTRY ? &country_ops : &asn_ops;
	return SMX_OK;
}
