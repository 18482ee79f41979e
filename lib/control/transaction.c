// SPDX-License-Identifier: GPL-2.0
/*
 * How do the rules of several interfaces change together or not at all?
 *
 * First every interface is prepared, which can fail; then every one is committed, which cannot.
 */
#include <control/transaction.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <control/preview.h>
#include <control/progress.h>
#include <dataplane/lock.h>
#include <dataplane/table.h>
#include <ruleset/tick.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>

/* The change of an interface. */
struct transaction_part {
	struct iface *iface;
	struct ruleset before; /* a copy of its rules, where it is needed */
	struct table_change table;
	size_t changed;
	bool prepared;
};

/* Did another process change the rules first, or is it about to? Both pass soon. */
static bool lost_race(int ret)
{
	return ret == -EAGAIN || ret == -EBUSY;
}

/* The rules and the names of their sets. Release with ruleset_done(). */
static int copy_rules(const struct ruleset *from, struct ruleset *to, struct error *err)
{
	ruleset_init(to);
	if (ruleset_reserve(to, from->count, from->set_count))
		return error_no_memory(err);
	if (from->count)
		memcpy(to->rules, from->rules, from->count * sizeof(*to->rules));
	if (from->set_count)
		memcpy(to->sets, from->sets, from->set_count * sizeof(*to->sets));
	to->count = from->count;
	to->set_count = from->set_count;
	return 0;
}

static int apply(struct transaction_part *part, const struct transaction *transaction, __u32 now,
		 struct error *err)
{
	struct iface *iface = part->iface;
	int ret = transaction->apply(iface, transaction, &part->changed, err);

	if (!ret)
		ruleset_tidy(&iface->rules, now);
	return ret;
}

/* Keeps the old rules in part->before, and refuses a change that the guard rejects. */
static int apply_guarded(struct transaction_part *part, const struct transaction *transaction,
			 __u32 now, struct error *err)
{
	struct iface *iface = part->iface;
	int ret = copy_rules(&iface->rules, &part->before, err);

	if (!ret)
		ret = apply(part, transaction, now, err);
	if (ret || !transaction->is_guarded)
		return ret;
	return lockout_check_rules(&iface->dev, &transaction->input, &part->before, &iface->rules,
				   iface_policy(iface), err);
}

/* The copy is only made where it is needed: it takes as much memory as the rules. */
static int plan_all(struct transaction_part *part, const struct transaction *transaction, __u32 now,
		    struct error *err)
{
	struct iface *iface = part->iface;
	int ret = iface_read_rules(iface, now, err);

	if (ret)
		return ret;
	if (!transaction->is_guarded || !lockout_may_refuse(&transaction->input, &iface->rules,
							    iface_policy(iface), transaction->kind))
		return apply(part, transaction, now, err);
	ret = apply_guarded(part, transaction, now, err);
	ruleset_done(&part->before);
	return ret;
}

/* Finds out early that an edit is not worth it, as where a guard compares all rules. */
static int check_edit(const struct transaction_part *part, const struct transaction *transaction,
		      struct error *err)
{
	const struct iface *iface = part->iface;
	size_t count = transaction->input.count;
	bool may_refuse;
	int ret;

	if (count > edit_limit(&iface->edit, count))
		return -E2BIG;
	if (!transaction->is_guarded)
		return 0;
	ret = lockout_may_refuse_edit(&transaction->input, &iface->edit, iface_policy(iface),
				      transaction->kind, &may_refuse, err);
	return !ret && may_refuse ? -E2BIG : ret;
}

/* Returns -E2BIG without a message if the table has to change as a whole. */
static int plan_edit(struct transaction_part *part, const struct transaction *transaction,
		     __u32 now, struct error *err)
{
	struct iface *iface = part->iface;
	int ret = iface_edit(iface, now, err);

	if (ret)
		return ret;
	ret = check_edit(part, transaction, err);
	if (!ret)
		ret = transaction->apply(iface, transaction, &part->changed, err);
	/* What was read of a table that is not live any more is worth nothing, nor is a failure. */
	if (edit_check(&iface->edit, NULL)) {
		error_clear(err);
		ret = error_prefix(err, edit_check(&iface->edit, err), "%s", iface->dev.name);
	}
	return ret;
}

static int plan(struct transaction_part *part, const struct transaction *transaction, __u32 now,
		bool *again, struct error *err)
{
	int ret = plan_edit(part, transaction, now, err);

	*again = lost_race(ret);
	if (ret != -E2BIG)
		return ret;
	/* Whatever it is, that says it too. */
	error_clear(err);
	iface_edit_done(part->iface);
	return plan_all(part, transaction, now, err);
}

static int prepare_all(struct transaction_part *part, struct error *err)
{
	struct iface *iface = part->iface;
	int ret;

	progress_rules(iface->dev.name, iface->rules.count);
	ret = table_prepare(&iface->filter, &iface->live, &iface->rules, &part->table, err);
	progress_erase();
	return ret;
}

static int prepare(struct transaction_part *part, const struct transaction *transaction, __u32 now,
		   bool *again, struct error *err)
{
	struct iface *iface = part->iface;
	int ret = -E2BIG;

	if (!part->changed)
		return 0;
	if (iface->is_edited)
		ret = table_prepare_edit(&iface->edit, &part->table, err);
	if (iface->is_edited && ret == -E2BIG) {
		iface_edit_done(iface);
		ret = plan_all(part, transaction, now, err);
		if (ret)
			return ret;
	}
	if (!iface->is_edited)
		ret = prepare_all(part, err);
	if (ret) {
		*again = lost_race(ret);
		return error_prefix(err, ret, "%s", iface->dev.name);
	}
	part->prepared = true;
	return 0;
}

static int warn(const struct transaction_part *part, const struct input *input, __u32 now,
		struct error *err)
{
	const struct iface *iface = part->iface;

	if (iface->is_edited)
		return lockout_warn_edit(&iface->dev, &iface->edit, iface_policy(iface), input,
					 err);
	lockout_warn(&iface->dev, &iface->rules, iface_policy(iface), input, now);
	return 0;
}

/* One program can be attached to several interfaces by hand. Its rules change once. */
static bool shares_filter(const struct ifaces *ifaces, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (ifaces->items[before].filter.program_id == ifaces->items[i].filter.program_id)
			return true;
	return false;
}

/* Finds the interfaces, and makes a part for each. */
static int start(struct transaction *transaction, struct error *err)
{
	struct ifaces *ifaces = &transaction->ifaces;
	int ret = transaction->is_automatic ? ifaces_running(ifaces, err) :
					      ifaces_filtering(&transaction->devices, ifaces, err);

	if (ret)
		return ret;
	transaction->parts = calloc(ifaces->count + 1, sizeof(*transaction->parts));
	if (!transaction->parts)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count; i++)
		transaction->parts[i].iface = &ifaces->items[i];
	return 0;
}

static int try_prepare(struct transaction *transaction, bool *again, struct error *err)
{
	struct transaction_part *parts;
	__u32 now = tick_now();
	int ret;

	*again = false;
	ret = start(transaction, err);
	parts = transaction->parts;
	for (size_t i = 0; i < transaction->ifaces.count && !ret; i++)
		if (!shares_filter(&transaction->ifaces, i))
			ret = plan(&parts[i], transaction, now, again, err);
	for (size_t i = 0; i < transaction->ifaces.count && !ret; i++)
		ret = prepare(&parts[i], transaction, now, again, err);
	for (size_t i = 0; i < transaction->ifaces.count && !ret; i++)
		if (parts[i].prepared && !transaction->is_automatic)
			ret = warn(&parts[i], &transaction->input, now, err);
	return ret;
}

static void undo(struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->ifaces.count && transaction->parts; i++) {
		if (transaction->parts[i].prepared)
			table_abort(&transaction->parts[i].table);
		ruleset_done(&transaction->parts[i].before);
	}
	free(transaction->parts);
	transaction->parts = NULL;
	ifaces_done(&transaction->ifaces);
}

int transaction_prepare(void *request, struct error *err)
{
	struct lock_patience patience = { 0 };
	struct transaction *transaction = request;
	bool again;
	int ret;

	for (;;) {
		ret = try_prepare(transaction, &again, err);
		if (!again || !lock_pause(&patience))
			return ret;
		undo(transaction);
		error_clear(err);
	}
}

int transaction_commit(void *request, struct error *err)
{
	struct transaction *transaction = request;
	char text[NUMBER_COUNT_SIZE];
	int ret = 0;

	for (size_t i = 0; i < transaction->ifaces.count; i++) {
		struct transaction_part *part = &transaction->parts[i];
		__u32 next = claim_next(part->table.claim.live, part->table.step);
		int failure = part->prepared ? table_commit(&part->table, err) : 0;

		if (part->prepared && !failure)
			part->iface->generation = next;
		part->prepared = false;
		if (!failure)
			continue;
		ret = error_prefix(err, failure, "%s", part->iface->dev.name);
		part->changed = 0;
	}
	for (size_t i = 0; i < transaction->ifaces.count; i++)
		log_verbose("%s: %s changed", transaction->ifaces.items[i].dev.name,
			    number_count(transaction->parts[i].changed, "rule", text));
	return ret;
}

size_t transaction_changed(const struct transaction *transaction, size_t number)
{
	return transaction->parts[number].changed;
}

void transaction_done(void *request)
{
	struct transaction *transaction = request;

	undo(transaction);
	input_done(&transaction->input);
}

int transaction_preview(struct transaction *transaction, struct error *err)
{
	const struct ifaces *ifaces = &transaction->ifaces;
	struct transaction_part *part;
	__u32 now = tick_now();
	int ret = start(transaction, err);

	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		part = &transaction->parts[i];
		ret = iface_read_rules(part->iface, now, err);
		if (!ret)
			ret = apply_guarded(part, transaction, now, err);
	}
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		part = &transaction->parts[i];
		ret = warn(part, &transaction->input, now, err);
		if (!ret)
			ret = preview_print(ifaces->count > 1 ? part->iface->dev.name : NULL,
					    &part->before, &part->iface->rules, now, err);
	}
	return ret < 0 ? ret : 0;
}
