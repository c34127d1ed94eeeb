/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/worker_command.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/command.h"
#include "glue/node.h"

#define RELOAD_MS 65000

void
worker_command_init(struct worker_command *command, struct smx_engine *engine,
    int channel_fd)
{
	pthread_condattr_t attr;

	memset(command, 0, sizeof(*command));
	command->engine = engine;
	command->channel_fd = channel_fd;
	pthread_mutex_init(&command->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&command->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void
worker_command_end(struct worker_command *command)
{
	pthread_mutex_lock(&command->lock);
	command->ended = 1;
	pthread_cond_broadcast(&command->changed);
	pthread_mutex_unlock(&command->lock);
}

void
worker_command_outcome(struct worker_command *command, int result,
    const char *text)
{
	pthread_mutex_lock(&command->lock);
	command->known = 1;
	command->result = result;
	text_copy(command->text, sizeof(command->text), text);
	pthread_cond_broadcast(&command->changed);
	pthread_mutex_unlock(&command->lock);
}

static int
wait_outcome_locked(struct worker_command *command)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RELOAD_MS / 1000;
	while (!command->known && !command->ended && rc == 0)
		rc = pthread_cond_timedwait(&command->changed, &command->lock,
		    &until);
	if (command->known)
		return command->result;
	return command->ended ? SMX_ECLOSED : SMX_ETIMEOUT;
}

static int
ask_reload(struct worker_command *command, char *why, size_t why_size)
{
	int rc = SMX_EBUSY;

	pthread_mutex_lock(&command->lock);
	if (!command->asking) {
		command->asking = 1;
		command->known = 0;
		command->text[0] = '\0';
		rc = channel_send(command->channel_fd, "ask-reload");
		if (rc == SMX_OK)
			rc = wait_outcome_locked(command);
		text_copy(why, why_size, command->text);
		command->asking = 0;
	} else {
		text_copy(why, why_size, "a reload is under way");
	}
	pthread_mutex_unlock(&command->lock);
	return rc;
}

struct show {
	smx_line_fn line;
	void *ctx;
	struct buf b;
};

static int
show_one(void *ctx, const char *setting, const char *value, const char *origin)
{
	struct show *show = ctx;

	buf_clear(&show->b);
	json_open(&show->b);
	json_str(&show->b, "setting", setting);
	json_str(&show->b, "value", value);
	json_str(&show->b, "origin", origin);
	json_close(&show->b);
	if (buf_error(&show->b) != SMX_OK)
		return buf_error(&show->b);
	return show->line(show->ctx, show->b.data, show->b.len);
}

static int
config_show(struct worker_command *command, smx_line_fn line, void *line_ctx)
{
	struct smx_config *config = node_config(command->engine);
	struct show show = { .line = line, .ctx = line_ctx };
	int rc;

	buf_init(&show.b, 1u << 20);
	rc = smx_config_each(config, show_one, &show);
	buf_free(&show.b);
	smx_config_release(&config);
	return rc;
}

static int
text_one(void *ctx, const char *line, size_t len)
{
	struct show *show = ctx;

	(void)len;
	buf_clear(&show->b);
	json_open(&show->b);
	json_str(&show->b, "line", line);
	json_close(&show->b);
	if (buf_error(&show->b) != SMX_OK)
		return buf_error(&show->b);
	return show->line(show->ctx, show->b.data, show->b.len);
}

/* config text [-n] [SETTING]: as it would be written in a file. */
static int
config_text(struct worker_command *command, const char *words, smx_line_fn line,
    void *line_ctx, char *why, size_t why_size)
{
	struct smx_config *config = node_config(command->engine);
	struct show show = { .line = line, .ctx = line_ctx };
	unsigned flags = SMX_CONFIG_ORIGINS;
	const char *only;
	int rc;

	words += strspn(words, " ");
	if (strcmp(words, "-n") == 0 || strncmp(words, "-n ", 3) == 0) {
		flags = SMX_CONFIG_CHANGED;
		words += 2;
		words += strspn(words, " ");
	}
	only = words[0] == '\0' ? NULL : words;
	buf_init(&show.b, 16u << 20);
	rc = smx_config_write(config, only, flags, text_one, &show);
	if (rc == SMX_ENOTFOUND)
		snprintf(why, why_size, "no setting is called so: %s", words);
	buf_free(&show.b);
	smx_config_release(&config);
	return rc;
}

int
worker_command_run(void *ctx, int64_t uid, const char *text, smx_line_fn line,
    void *line_ctx, char *why, size_t why_size)
{
	static const char text_verb[] = "config text";
	struct worker_command *command = ctx;

	if (strcmp(text, "reload") == 0)
		return ask_reload(command, why, why_size);
	if (strcmp(text, "config show") == 0)
		return config_show(command, line, line_ctx);
	if (strncmp(text, text_verb, sizeof(text_verb) - 1) == 0)
		return config_text(command, text + sizeof(text_verb) - 1, line,
		    line_ctx, why, why_size);
	return command_run(command->engine, uid, text, line, line_ctx, why,
	    why_size);
}
