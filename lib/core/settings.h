/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "core/backup.h"
#include "core/conf.h"

/*
 * The one table of settings.  Reading, checking, showing and the refusal of
 * unknown names all follow it; a setting that is not in it does not exist.
 */
enum section {
	SECTION_ROOT,   /* struct draft */
	SECTION_MEMBER, /* struct conf_member, peers.members[] */
	SECTION_ACK,    /* struct ack_conf, defaults.acknowledge, policies' */
	SECTION_POLICY, /* struct policy_conf, policies[] */
	SECTION_MATCH,  /* struct policy_match, policies[].match */
	SECTION_BACKUP, /* struct smx_backup, policies[].backup */
	SECTION_SPEAKS  /* struct conf_primary_for, primary_for[] */
};

enum setting_kind {
	SETTING_TEXT = 1, /* const char * */
	SETTING_WORD,     /* one word: const char * */
	SETTING_CHOICE,   /* one word: an enum or int64_t */
	SETTING_CHOICES,  /* any of the words: unsigned bits */
	SETTING_NUMBER,   /* int64_t or unsigned */
	SETTING_DURATION, /* int64_t, milliseconds */
	SETTING_SIZE,     /* int64_t, bytes */
	SETTING_FLAG,     /* int; -1 not given */
	SETTING_LIST,     /* const char *const * and a count */
	SETTING_ASNS,     /* const uint32_t * and a count; 0 unknown */
	SETTING_TRIAL,    /* one word, or ( word, time, word ): an enum, and at
			   * count_offset an int64_t of milliseconds */
	SETTING_GROUP,    /* another section in here */
	SETTING_GROUPS    /* an array of another section and a count */
};

#define SETTING_REQUIRED 0x01u /* no default: it must be given */
#define SETTING_EMPTY_OK 0x02u /* "" is accepted and means none */
#define SETTING_RESTART  0x04u /* a reload cannot change it */

struct setting_word {
	const char *word;
	int64_t value;
	const char *refused; /* known, but not to be had: says why */
};

/* NULL when text is good, with its normal form in out (SETTING_TEXT_MAX + 1
 * bytes); else what is wrong with it. */
#define SETTING_TEXT_MAX 1023
typedef const char *(*setting_check_fn)(const char *text, char *out);

struct setting {
	enum section section;
	const char *path; /* inside its section */
	enum setting_kind kind;
	unsigned flags;
	size_t offset; /* in the section's struct */
	size_t width;  /* of the field; GROUPS: of one item */
	size_t count_offset;
	const char *preset; /* the default as it would be written, or NULL */
	int64_t low;
	int64_t high;
	const char *beyond; /* instead of "out of range" */
	const struct setting_word *words;
	setting_check_fn check;
	const char *accepted;
	enum section sub;
};

/* What a policy says, before it is compiled. */
struct policy_match {
	const char *const *recipients;
	size_t recipient_count;
	const char *const *tables; /* files of recipients */
	size_t table_count;
	const char *const *domains;
	size_t domain_count;
	const char *const *networks;
	size_t network_count;
	const char *const *countries;
	size_t country_count;
	const uint32_t *asns;
	size_t asn_count;
	int authenticated; /* -1 does not matter */
	int64_t min_size;  /* 0 does not matter */
	int64_t max_size;  /* 0 does not matter */
};

enum placement {
	PLACEMENT_ANY = 1,
	PLACEMENT_PREFER_REMOTE,
	PLACEMENT_PREFER_LOCAL,
	PLACEMENT_REMOTE_ONLY,
	PLACEMENT_LOCAL_ONLY
};

/* ack.holders and ack.preferred follow from the rest; see placement.h. */
struct ack_conf {
	struct smx_ack ack;
	enum placement placement;
	const char *const *sites; /* none: all */
	size_t site_count;
};

struct policy_conf {
	const char *name;
	struct policy_match match;
	struct ack_conf ack;
	struct smx_backup backup; /* while_up 0: the group was left out */
};

/* conf first: offsets in struct conf are offsets in here. */
struct draft {
	struct conf conf;
	struct ack_conf defaults;
	struct policy_conf *policies;
	size_t policy_count;
};

extern const struct setting settings[];
extern const size_t setting_count;

const struct setting *setting_find(enum section section, const char *path);
/* Non-zero when path is a group that settings of the section are in. */
int setting_is_group(enum section section, const char *path);
/* Non-zero: the group was left out, and that says something.  base is of the
 * struct that it is in. */
int setting_group_is_out(const struct setting *group, const void *base);
/* What may stand in that group ("" the section itself): fills in names, each
 * once, and returns how many. */
#define SETTING_NAME_MAX 32
size_t setting_names(enum section section, const char *path,
    char (*names)[SETTING_NAME_MAX], size_t max);
/* What would be accepted, for people. */
void setting_accepted(const struct setting *setting, char *out, size_t size);
/* Lists that a further file adds to; see tree_merge(). */
int setting_appends(const char *path);
/* "..." for a word's value, or NULL. */
const char *setting_word(const struct setting *setting, int64_t value);

#endif
