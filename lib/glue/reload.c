/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/service.h"
#include "io/notify.h"
#include "io/syslog_sink.h"

void
reload_init(struct reload *reload, const char *file,
    struct smx_config **current)
{
	memset(reload, 0, sizeof(*reload));
	reload->file = file;
	reload->current = current;
	reload->pipe = -1;
}

/* ---- in the child that checks ---- */

struct first {
	char text[CHANNEL_MAX / 2];
	int any;
};

static void
note_problem(void *ctx, const struct smx_config_problem *problem)
{
	struct first *first = ctx;

	service_log_problem(NULL, problem);
	if (problem->warning)
		return;
	if (!first->any)
		smx_config_problem_format(problem, first->text,
		    sizeof(first->text));
	first->any = 1;
}

static void
refuse_restart(struct first *first, const char *names)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "reload-refused");
	log_str(&l, "restart_needed", names);
	log_end(&l);
	snprintf(first->text, sizeof(first->text),
	    "only a restart can change: %s", names);
}

static _Noreturn void
check(const struct reload *reload, int out)
{
	struct first first = { .text = "" };
	struct smx_config *next = NULL;
	char names[CHANNEL_MAX / 4];
	int status = EX_OK;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sink_release();
	if (smx_config_load(&next, reload->file, note_problem, &first) !=
	    SMX_OK) {
		status = EX_CONFIG;
	} else if (reload_needs_restart(*reload->current, next, names,
		       sizeof(names)) > 0) {
		refuse_restart(&first, names);
		status = EX_CONFIG;
	}
	(void)!write(out, first.text, strlen(first.text));
	_exit(status);
}

/* ---- in the supervisor ---- */

static void begin(struct reload *reload, int asked, int channel);

static void
finish(struct reload *reload, int result, const char *text, int channel)
{
	struct log_line l;
	int again = reload->again, again_asked = reload->again_asked;

	log_begin(&l, result == SMX_OK ? SMX_LOG_NOTICE : SMX_LOG_ERR, NULL,
	    "reload");
	if (result != SMX_OK)
		log_str(&l, "error",
		    text[0] == '\0' ? smx_strerror(result) : text);
	log_err(&l, "result", result);
	log_end(&l);
	if (result != SMX_OK)
		notify_status("the last reload was refused, see the log");
	else
		notify_status("serving");
	notify_ready();
	if (reload->asked && channel >= 0)
		(void)channel_send_result(channel, "outcome", result, text);
	smx_config_release(&reload->next);
	reload->state = RELOAD_IDLE;
	reload->asked = reload->again = reload->again_asked = 0;
	if (again)
		begin(reload, again_asked, channel);
}

static void
begin(struct reload *reload, int asked, int channel)
{
	int fd[2];

	reload->asked = asked;
	reload->text_len = 0;
	reload->text[0] = '\0';
	notify_reloading();
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0) {
		finish(reload, SMX_EIO, "no pipe", channel);
		return;
	}
	reload->pid = fork();
	if (reload->pid == 0)
		check(reload, fd[1]);
	close(fd[1]);
	if (reload->pid < 0) {
		close(fd[0]);
		finish(reload, SMX_EIO, "no process", channel);
		return;
	}
	reload->pipe = fd[0];
	reload->state = RELOAD_CHECKING;
	reload->deadline_ms = clock_mono_ms() + RELOAD_CHECK_MS;
}

void
reload_wish(struct reload *reload, int asked, int channel)
{
	if (reload->state == RELOAD_IDLE) {
		begin(reload, asked, channel);
		return;
	}
	reload->again = 1;
	reload->again_asked |= asked;
}

void
reload_read(struct reload *reload)
{
	size_t room = sizeof(reload->text) - 1 - reload->text_len;
	ssize_t n = -1;

	if (reload->pipe >= 0 && room > 0)
		n = read(reload->pipe, reload->text + reload->text_len, room);
	if (n > 0) {
		reload->text_len += (size_t)n;
		reload->text[reload->text_len] = '\0';
	} else if (reload->pipe >= 0 && (n == 0 || room == 0)) {
		close(reload->pipe);
		reload->pipe = -1;
	}
}

static void
swap(struct reload *reload, int channel)
{
	struct smx_config *old = *reload->current;

	*reload->current = reload->next;
	reload->next = old;
	finish(reload, SMX_OK, "", channel);
}

/* The files are good.  This process needs them too: the next worker is born
 * with its copy. */
static void
checked(struct reload *reload, int channel)
{
	if (smx_config_load(&reload->next, reload->file, service_log_problem,
		NULL) != SMX_OK) {
		finish(reload, SMX_ECONFIG, "the files changed meanwhile",
		    channel);
		return;
	}
	reload->state = RELOAD_SWAPPING;
	reload->deadline_ms = clock_mono_ms() + RELOAD_SWAP_MS;
	if (channel < 0)
		swap(reload, channel);
	else if (channel_send(channel, "reload") != SMX_OK)
		finish(reload, SMX_ETEMP, "the worker does not listen",
		    channel);
}

int
reload_ended(struct reload *reload, pid_t pid, int status, int channel)
{
	if (reload->state != RELOAD_CHECKING || pid != reload->pid)
		return 0;
	while (reload->pipe >= 0) {
		size_t had = reload->text_len;

		reload_read(reload);
		if (reload->text_len == had && reload->pipe >= 0) {
			close(reload->pipe);
			reload->pipe = -1;
		}
	}
	reload->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK) {
		checked(reload, channel);
	} else if (reload->text_len > 0) {
		finish(reload, SMX_ECONFIG, reload->text, channel);
	} else {
		char text[80];

		snprintf(text, sizeof(text),
		    "the check of the files ended by itself (%s %d)",
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
		finish(reload, SMX_ECONFIG, text, channel);
	}
	return 1;
}

void
reload_answer(struct reload *reload, int result, const char *text, int channel)
{
	if (reload->state != RELOAD_SWAPPING)
		return;
	if (result == SMX_OK)
		swap(reload, channel);
	else if (result == SMX_ECLOSED)
		finish(reload, SMX_ETEMP, "the worker ended meanwhile",
		    channel);
	else
		finish(reload, result, text, channel);
}

void
reload_tick(struct reload *reload, int64_t now_ms, int channel)
{
	if (reload->state == RELOAD_IDLE || now_ms < reload->deadline_ms)
		return;
	if (reload->state == RELOAD_CHECKING) {
		/* Its end comes back through reload_ended. */
		(void)kill(reload->pid, SIGKILL);
		reload->deadline_ms = now_ms + RELOAD_CHECK_MS;
		return;
	}
	finish(reload, SMX_ETIMEOUT, "the worker did not answer", channel);
}

void
reload_free(struct reload *reload)
{
	if (reload->state == RELOAD_CHECKING) {
		(void)kill(reload->pid, SIGKILL);
		(void)waitpid(reload->pid, NULL, 0);
	}
	if (reload->pipe >= 0)
		close(reload->pipe);
	smx_config_release(&reload->next);
	reload_init(reload, reload->file, reload->current);
}
