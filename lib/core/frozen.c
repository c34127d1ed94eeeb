/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/frozen.h"

#include <stdlib.h>
#include <string.h>

#include "core/setting_read.h"

static void
home_release(struct home *home)
{
	if (atomic_fetch_sub_explicit(&home->references, 1,
		memory_order_acq_rel) != 1)
		return;
	arena_free(&home->arena);
	free(home);
}

static struct home *
home_new(void)
{
	struct home *home = calloc(1, sizeof(*home));

	if (home == NULL)
		return NULL;
	atomic_init(&home->references, 1);
	arena_init(&home->arena);
	return home;
}

static void
frozen_free(struct smx_config *config)
{
	for (size_t i = 0; i < config->sources.count; i++)
		source_release(&config->sources.list[i]);
	home_release(config->home);
	free(config);
}

static int
open_sources(struct smx_config *config, const struct tree *root,
    source_open_fn open_source, struct problems *problems)
{
	int result =
	    sources_of(&config->sources, &config->draft, &config->home->arena);

	if (result == SMX_ELIMIT)
		problem_node(problems, tree_find(root, "policies"), "policies",
		    "they name more than 64 different tables",
		    "at most 64 files in all");
	if (result == SMX_ENOMEM)
		return result;
	for (size_t i = 0; open_source != NULL && i < config->sources.count;
	     i++)
		open_source(&config->sources.list[i], root, problems);
	return SMX_OK;
}

static int
fill(struct smx_config *config, const struct tree *root,
    source_open_fn open_source, struct problems *problems)
{
	struct reader reader = { .arena = &config->home->arena,
		.problems = problems };
	int result;

	section_read(&reader, SECTION_ROOT, &config->draft, root, "");
	if (arena_failed(&config->home->arena))
		return SMX_ENOMEM;
	conf_check(problems, &config->draft, root);
	result = open_sources(config, root, open_source, problems);
	if (result != SMX_OK)
		return result;
	if (problems->count != 0)
		return SMX_ECONFIG;
	result = policies_compile(&config->policies, &config->home->arena,
	    &config->draft, &config->sources);
	if (result == SMX_OK)
		result = shown_build(config, root);
	if (result == SMX_OK)
		config->draft.conf.defaults =
		    *policies_defaults(config->policies);
	return result;
}

int
frozen_build(struct smx_config **out, const struct tree *root,
    source_open_fn open_source, struct problems *problems)
{
	struct smx_config *config = calloc(1, sizeof(*config));
	int result;

	if (config == NULL)
		return SMX_ENOMEM;
	config->home = home_new();
	if (config->home == NULL) {
		free(config);
		return SMX_ENOMEM;
	}
	atomic_init(&config->references, 1);
	result = fill(config, root, open_source, problems);
	if (result != SMX_OK) {
		frozen_free(config);
		return result;
	}
	*out = config;
	return SMX_OK;
}

int
frozen_renew(struct smx_config **out, struct smx_config *config,
    const struct sources *sources)
{
	struct smx_config *next = calloc(1, sizeof(*next));

	if (next == NULL)
		return SMX_ENOMEM;
	atomic_init(&next->references, 1);
	next->home = config->home;
	atomic_fetch_add_explicit(&next->home->references, 1,
	    memory_order_relaxed);
	next->draft = config->draft;
	next->policies = config->policies;
	next->shown = config->shown;
	next->shown_count = config->shown_count;
	next->sources = *sources;
	for (size_t i = 0; i < sources->count; i++)
		source_hold(&sources->list[i]);
	*out = next;
	return SMX_OK;
}

const struct conf *
config_conf(const struct smx_config *config)
{
	return &config->draft.conf;
}

struct smx_config *
smx_config_hold(struct smx_config *config)
{
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

void
smx_config_release(struct smx_config **config)
{
	struct smx_config *c = *config;

	*config = NULL;
	if (c != NULL && atomic_fetch_sub_explicit(&c->references, 1,
			     memory_order_acq_rel) == 1)
		frozen_free(c);
}

static const struct shown *
shown_find(const struct smx_config *config, const char *setting)
{
	for (size_t i = 0; i < config->shown_count; i++)
		if (strcmp(config->shown[i].setting, setting) == 0)
			return &config->shown[i];
	return NULL;
}

const char *
smx_config_text(const struct smx_config *config, const char *setting)
{
	const struct shown *s = shown_find(config, setting);

	return s != NULL ? s->value : NULL;
}

int64_t
smx_config_number(const struct smx_config *config, const char *setting)
{
	const struct shown *s = shown_find(config, setting);

	return s != NULL ? s->number : -1;
}

int
smx_config_each(const struct smx_config *config, smx_config_each_fn each,
    void *ctx)
{
	int stop = 0;

	for (size_t i = 0; stop == 0 && i < config->shown_count; i++)
		stop = each(ctx, config->shown[i].setting,
		    config->shown[i].value, config->shown[i].origin);
	return stop;
}
