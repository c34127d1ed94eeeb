/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/frozen.h"

#include <stdlib.h>
#include <string.h>

#include "core/setting_read.h"

static void
frozen_free(struct smx_config *config)
{
	if (config->geo.ops != NULL)
		config->geo.ops->close(config->geo.ctx);
	arena_free(&config->arena);
	free(config);
}

static int
fill(struct smx_config *config, const struct tree *root, geo_open_fn open_geo,
    struct problems *problems)
{
	struct reader reader = { .arena = &config->arena,
		.problems = problems };
	int result;

	section_read(&reader, SECTION_ROOT, &config->draft, root, "");
	if (arena_failed(&config->arena))
		return SMX_ENOMEM;
	conf_check(problems, &config->draft, root);
	if (open_geo != NULL)
		open_geo(&config->geo, &config->draft.conf, root, problems);
	if (problems->count != 0)
		return SMX_ECONFIG;
	config->draft.conf.defaults.policy = "defaults";
	result =
	    policies_compile(&config->policies, &config->arena, &config->draft);
	if (result == SMX_OK)
		result = shown_build(config, root);
	return result;
}

int
frozen_build(struct smx_config **out, const struct tree *root,
    geo_open_fn open_geo, struct problems *problems)
{
	struct smx_config *config = calloc(1, sizeof(*config));
	int result;

	if (config == NULL)
		return SMX_ENOMEM;
	arena_init(&config->arena);
	atomic_init(&config->references, 1);
	result = fill(config, root, open_geo, problems);
	if (result != SMX_OK) {
		frozen_free(config);
		return result;
	}
	*out = config;
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
