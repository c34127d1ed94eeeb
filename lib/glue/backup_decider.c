/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_rcpt_in.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/key.h"
#include "glue/node.h"

struct rcptage
decider_ages(const struct conf *conf)
{
	return (struct rcptage){ conf->backup_good_ms, conf->backup_good_ask_ms,
		conf->backup_bad_ms, conf->backup_bad_ask_ms };
}

static int
make_tables(struct decider *decider)
{
	uint64_t seed[2];
	int rc = key_random(seed, sizeof(seed));

	if (rc == SMX_OK)
		rc = firsttries_new(&decider->tries, seed[0]);
	if (rc == SMX_OK)
		rc = harvest_new(&decider->harvest, seed[1]);
	return rc;
}

static int
make_parts(struct decider *decider)
{
	int rc = make_tables(decider);

	if (rc == SMX_OK)
		rc = backup_rcpts_open(&decider->rcpts,
		    backup_db(decider->backup));
	if (rc == SMX_OK)
		rc = rcptlearn_new(&decider->learn, decider->rcpts);
	if (rc == SMX_OK)
		rc = rcptask_new(&decider->ask);
	return rc;
}

void
decider_limits(struct decider *decider, const struct conf *conf)
{
	struct backup_rcpts_limits limits = {
		.most = (uint64_t)conf->backup_recipients,
		.ages = decider_ages(conf)
	};

	rcptlearn_limits(decider->learn, &limits);
}

int
decider_new(struct decider **out, struct backup *backup)
{
	struct decider *decider = calloc(1, sizeof(*decider));
	struct smx_config *config;
	int rc;

	if (decider == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&decider->lock, NULL);
	decider->backup = backup;
	rc = make_parts(decider);
	if (rc != SMX_OK) {
		decider_free(&decider);
		return rc;
	}
	config = node_config(backup_node(backup));
	decider_limits(decider, config_conf(config));
	smx_config_release(&config);
	*out = decider;
	return SMX_OK;
}

int
decider_start(struct decider *decider)
{
	return rcptlearn_start(decider->learn);
}

void
decider_join(struct decider *decider)
{
	rcptask_stop(decider->ask);
	rcptlearn_stop(decider->learn);
}

void
decider_free(struct decider **decider)
{
	struct decider *d = *decider;

	if (d == NULL)
		return;
	rcptask_free(&d->ask);
	rcptlearn_free(&d->learn);
	backup_rcpts_close(&d->rcpts);
	firsttries_free(&d->tries);
	harvest_free(&d->harvest);
	pthread_mutex_destroy(&d->lock);
	free(d);
	*decider = NULL;
}
