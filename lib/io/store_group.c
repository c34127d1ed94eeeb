/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "io/store_apply.h"
#include "io/store_rules.h"
#include "io/store_suspect.h"

#ifdef MUTANT_TELL_BEFORE_COMMIT
#include <unistd.h>
#endif

/* What still gets through on a full disk. */
#define SMALL_BYTES 65536

/* A work that takes part in the transaction; any result code is final. */
#define OPEN 1

/* What was delivered goes into the safety net, if that takes it in now. */
static int
end_row(struct group *group, const struct work *work,
    const struct row_found *found)
{
	uint64_t bytes = found->kept + found->envelope_len;
	struct net_gate *gate = group->gate;
	struct net_tally *tally = &group->tally;
	int result;

	if (gate != NULL && work->delivered && !found->damaged &&
	    found->row.state != SMX_ROW_DONE) {
		if (!group->no_net && !atomic_load(&gate->closed) &&
		    netplan_admits(&gate->plan,
			atomic_load(&gate->rows) + tally->rows,
			atomic_load(&gate->bytes) + tally->bytes, bytes)) {
			tally->rows++;
			tally->bytes += bytes;
			result = netrows_keep(group->netrows, found,
			    clock_wall_ms());
			return result == SMX_OK
				   ? group_effect(group, 1, found, "")
				   : result;
		}
		tally->missed++;
	}
	result = rows_delete(group->rows, found);
	return result == SMX_OK ? group_effect(group, 1, found, found->file)
				: result;
}

static int
drop_one(struct group *group, struct work *work, const struct smx_key *key)
{
	const char *owner = work->owner;
	struct row_found found;
	int result = rows_find(group->rows, key, &found);

	if (result == SMX_OK) {
		if (!rules_may_drop(&found.row, owner)) {
			work->foreign++;
			return SMX_OK;
		}
		owner = rules_creator(&found.row, found.origin);
		result = end_row(group, work, &found);
	} else if (result == SMX_ENOTFOUND) {
		result = SMX_OK;
	}
	if (result == SMX_OK)
		result = tombs_add(group->tombs, owner != NULL ? owner : "",
		    key, clock_wall_ms());
	return result;
}

static int
apply_drop(struct group *group, struct work *work)
{
	int result = SMX_OK;

	work->foreign = 0;
	for (size_t i = 0; result == SMX_OK && i < work->count; i++)
		result = drop_one(group, work, &work->keys[i]);
	return result;
}

/* The net has them; or it has lost them, or could not read them. */
static int
apply_let_go(struct group *group, struct work *work)
{
	const struct usage_row none = { .state = SMX_ROW_SHADOW,
		.peer = group->nobody };
	int result = SMX_OK;

	for (size_t i = 0; result == SMX_OK && i < work->count; i++) {
		char file[BODY_NAME_MAX] = "";
		uint64_t bytes = 0;

		result =
		    netrows_let_go(group->netrows, work->seqs[i], file, &bytes);
		if (result == SMX_ENOTFOUND) {
			result = SMX_OK;
			continue;
		}
		if (result == SMX_OK)
			result = effects_add(&group->effects, 1, &none, file);
		group->tally.gone_rows++;
		group->tally.gone_bytes += bytes;
	}
	return result;
}

/* The row changes, and lets go of its content when it is done with it. */
static int
change_row(struct group *group, const struct work *work,
    struct row_found *found)
{
	int result = rows_change(group->rows, &found->row, work->rcpt_states);

	if (result == SMX_OK && found->row.state == SMX_ROW_DONE)
		result = rows_empty(group->rows, found);
	found->kept = rules_kept(&found->row);
	if (result == SMX_OK)
		result = group_effect(group, 0, found, "");
	return result;
}

static int
apply_mark(struct group *group, struct work *work)
{
	int done = work->change.to == SMX_ROW_DONE;
	struct row_found found;
	int result = rows_find(group->rows, &work->keys[0], &found);

	if (result == SMX_ENOTFOUND) {
		work->outcome = SMX_ENOTFOUND;
		return SMX_OK;
	}
	if (result != SMX_OK)
		return result;
	/* Its file is unlinked once this is durable. */
	result = group_effect(group, 1, &found, done ? found.file : "");
	if (result != SMX_OK)
		return result;
	work->outcome = rules_apply(&found.row, &work->change);
	if (work->outcome == SMX_OK && work->rcpt_states != NULL)
		work->outcome =
		    rules_rcpt_states(work->rcpt_states, found.row.recipients);
	if (work->outcome != SMX_OK) {
		group->effects.count--;
		return SMX_OK;
	}
	return change_row(group, work, &found);
}

static int
apply(struct group *group, struct work *work)
{
	work->outcome = SMX_OK;
	switch (work->kind) {
	case WORK_COMMIT:
		return accept_apply(group, work);
	case WORK_DROP:
		return apply_drop(group, work);
	case WORK_MARK:
		return apply_mark(group, work);
	case WORK_AMEND:
		return amend_apply(group, work);
	case WORK_LET_GO:
		return apply_let_go(group, work);
	case WORK_META:
		return rows_meta_set(group->rows, work->name, work->value);
	}
	return SMX_EINVAL;
}

static int
save_tombs(struct group *group)
{
	struct tombs_sink sink;

	graves_sink(group->graves, &sink);
	return tombs_save(group->tombs, &sink);
}

static void
finish(struct work *list, int unless)
{
	for (struct work *work = list; work != NULL; work = work->next)
		if (work->result == OPEN)
			work->result =
			    unless == SMX_OK ? work->outcome : unless;
}

/* 3 and 4.  *unsure: it failed where nobody can know. */
static int
transact(struct group *group, struct work *list, int *unsure)
{
	int result = db_begin(group->db);

	for (struct work *work = list; result == SMX_OK && work != NULL;
	     work = work->next)
		if (work->result == OPEN)
			result = apply(group, work);
	if (result == SMX_OK)
		result = save_tombs(group);
	if (result == SMX_OK) {
#ifdef MUTANT_TELL_BEFORE_COMMIT
		finish(list, SMX_OK);
		workq_tell(group->queue, list);
		usleep(20000);
#endif
		crash_point("before COMMIT");
		result = db_commit(group->db);
		crash_point("after COMMIT");
		if (result == SMX_OK)
			witness_note(&group->witness, db_log_pages(group->db));
		*unsure = result == SMX_EIO || result == SMX_ECORRUPT;
	}
	if (result != SMX_OK)
		db_rollback(group->db);
	return result;
}

static int
has_open_file(const struct work *list)
{
	for (; list != NULL; list = list->next)
		if (list->result == OPEN && list->kind == WORK_COMMIT &&
		    list->draft->fd >= 0)
			return 1;
	return 0;
}

static void
settle(struct group *group, struct work *list)
{
	tombs_saved(group->tombs);
	group->commits++;
	for (struct work *work = list; work != NULL; work = work->next) {
		if (work->result != OPEN || work->kind != WORK_COMMIT)
			continue;
		if (work->outcome != SMX_OK)
			continue;
		draft_settle(work->draft);
		group->committed++;
	}
	effects_count(&group->effects, group->usage);
	if (group->gate != NULL)
		net_tally_count(&group->tally, group->gate);
}

void
group_distrust(struct group *group, int result)
{
	struct log_line l;

	if (atomic_exchange(&group->distrusted, 1) != 0)
		return;
	/* First the mark: once it has failed the process ends. */
	suspect_set(group->folder, smx_errname(result));
	atomic_store(&group->failed, 1);
	log_begin(&l, SMX_LOG_ERR, NULL, "store_failed");
	log_err(&l, "result", result);
	log_end(&l);
}

void
group_look(struct group *group)
{
	struct log_line l;

	if (group->failed || !store_dir_moved(group->dir))
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "store_replaced");
	log_str(&l, "file", group->dir->database);
	log_end(&l);
	group_distrust(group, SMX_ENOTFOUND);
}

/* Nothing of a failed transaction is there, unless nobody can know. */
static void
undo(struct group *group, struct work *list, int unsure)
{
	for (struct work *work = list; work != NULL; work = work->next)
		if (work->kind == WORK_COMMIT && work->result == OPEN)
			work->draft->kept = unsure;
	group->effects.count = 0;
}

static int
attempt(struct group *group, struct work *list)
{
	int unsure = 0, result = SMX_OK;

	group->effects.count = 0;
	group->grown = 0;
	memset(&group->tally, 0, sizeof(group->tally));
	if (has_open_file(list))
		result = bodies_sync(group->bodies);
	if (result == SMX_OK)
		result = transact(group, list, &unsure);
	if (result == SMX_OK) {
		settle(group, list);
		finish(list, SMX_OK);
		return SMX_OK;
	}
	undo(group, list, unsure);
	if (result == SMX_EIO || result == SMX_ECORRUPT)
		group_distrust(group, result);
	if (unsure)
		finish(list, SMX_EUNSURE);
	return result;
}

/* An emptied log is written again from its start, in place; emptying it may
 * need room for as much in the database as the log holds, which is what the
 * reserve is measured by. */
static int
make_room(struct group *group)
{
	int left, result = db_checkpoint(group->db, &left);

	if (result == SMX_OK && left == 0)
		witness_note(&group->witness, 0);
	if (result == SMX_EIO || result == SMX_ECORRUPT)
		group_distrust(group, result);
	return result;
}

/* On a full disk new shadows and large envelopes are refused; what makes room
 * or is small gets every chance. */
static int
attempt_full(struct group *group, struct work *list)
{
	int open = 0, result;

	for (struct work *work = list; work != NULL; work = work->next) {
		if (work->result == OPEN &&
		    (work->kind == WORK_COMMIT ||
			(work->kind == WORK_AMEND &&
			    work->text_bytes > SMALL_BYTES)))
			work->result = SMX_EFULL;
		open |= work->result == OPEN;
	}
	if (!open)
		return SMX_OK;
	/* What was delivered stands in the way of nothing. */
	group->no_net = 1;
	if (group->gate != NULL)
		atomic_store(&group->gate->closed, 1);
	if (make_room(group) == SMX_EFULL && reserve_spend(group->bodies))
		(void)!make_room(group);
	result = attempt(group, list);
	if (result == SMX_EFULL && reserve_spend(group->bodies))
		result = attempt(group, list);
	group->no_net = 0;
	return result;
}

void
group_run(struct group *group, struct work *list)
{
	int result = SMX_EIO;

	for (struct work *work = list; work != NULL; work = work->next)
		work->result = OPEN;
	group_look(group);
	if (!group->failed)
		result = attempt(group, list);
	if (result == SMX_EFULL && !group->failed)
		result = attempt_full(group, list);
	if (result == SMX_EBUSY || result == SMX_ECORRUPT)
		result = SMX_EIO;
	finish(list, result);
	crash_point("before telling");
	workq_tell(group->queue, list);
}

void
group_clean(struct group *group)
{
	effects_clean(&group->effects, group->bodies);
}

void
group_prune(struct group *group, int64_t before_ms)
{
	struct tombs_sink sink;
	int unsure = 0, result;

	graves_sink(group->graves, &sink);
	result = tombs_prune(group->tombs, before_ms, &sink);
	if (result == SMX_OK)
		result = transact(group, NULL, &unsure);
	if (result == SMX_OK)
		tombs_saved(group->tombs);
	else if (result == SMX_EIO || result == SMX_ECORRUPT)
		group_distrust(group, result);
}

void
group_checkpoint(struct group *group)
{
	int left, result;

	crash_point("before a checkpoint");
	result = db_checkpoint(group->db, &left);
	crash_point("after a checkpoint");
	if (result == SMX_OK && left == 0)
		witness_note(&group->witness, 0);
	if (result == SMX_EIO || result == SMX_ECORRUPT)
		group_distrust(group, result);
}

void
group_free(struct group *group)
{
	effects_free(&group->effects);
}
