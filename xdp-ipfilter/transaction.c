// SPDX-License-Identifier: GPL-2.0
/*
 * How do the rules of several interfaces change together or not at all?
 *
 * First every interface is prepared, which can fail; then every one is committed, which cannot.
 */
#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/lock.h>
#include <dataplane/table.h>
#include <ruleset/tick.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>
#include <util/signals.h>

#include "common.h"
#include "preview.h"
#include "progress.h"

/* What is to become of an interface. */
struct pending {
	struct iface *iface;
	struct ruleset before; /* a copy of its rules, where it is needed */
	struct table_change table;
	size_t changed;
	bool prepared;
};

/* Did another process change the rules first, or is it about to? Both are over soon. */
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

static int apply(struct pending *pending, const struct transaction *transaction, __u32 now,
		 struct error *err)
{
	struct iface *iface = pending->iface;
	int ret = transaction->apply(iface, transaction->context, &pending->changed, err);

	if (!ret)
		ruleset_tidy(&iface->rules, now);
	return ret;
}

/* Keeps the rules as they were in pending->before, and refuses a change that is guarded against. */
static int apply_guarded(struct pending *pending, const struct transaction *transaction, __u32 now,
			 struct error *err)
{
	struct iface *iface = pending->iface;
	int ret = copy_rules(&iface->rules, &pending->before, err);

	if (!ret)
		ret = apply(pending, transaction, now, err);
	if (ret || !transaction->is_guarded)
		return ret;
	return lockout_check_rules(&iface->dev, transaction->input, &pending->before, &iface->rules,
				   iface_policy(iface), err);
}

/* The copy is only made where it is needed: it takes as much memory as the rules. */
static int plan(struct pending *pending, const struct transaction *transaction, __u32 now,
		struct error *err)
{
	struct iface *iface = pending->iface;
	int ret = iface_read_rules(iface, now, err);

	if (ret)
		return ret;
	if (!transaction->is_guarded || !lockout_may_refuse(transaction->input, &iface->rules,
							    iface_policy(iface), transaction->kind))
		return apply(pending, transaction, now, err);
	ret = apply_guarded(pending, transaction, now, err);
	ruleset_done(&pending->before);
	return ret;
}

static int prepare(struct pending *pending, bool *again, struct error *err)
{
	struct iface *iface = pending->iface;
	int ret;

	if (!pending->changed)
		return 0;
	progress_rules(iface->dev.name, iface->rules.count);
	ret = table_prepare(&iface->filter, &iface->live, &iface->rules, &pending->table, err);
	progress_erase();
	if (ret) {
		*again = lost_race(ret);
		return error_prefix(err, ret, "%s", iface->dev.name);
	}
	pending->prepared = true;
	return 0;
}

static void warn(const struct pending *pending, const struct input *input, __u32 now)
{
	const struct iface *iface = pending->iface;

	lockout_warn(&iface->dev, &iface->rules, iface_policy(iface), input, now);
}

/* Nothing fails from here on, unless another process overwrites the memory of the filter, and no
 * signal but SIGKILL interrupts. */
static int commit_all(struct pending *pending, size_t count, const struct input *input, __u32 now,
		      struct error *err)
{
	char text[NUMBER_COUNT_SIZE];
	int ret = 0;

	for (size_t i = 0; i < count; i++)
		if (pending[i].prepared)
			warn(&pending[i], input, now);
	signals_hold();
	for (size_t i = 0; i < count; i++) {
		int failure = pending[i].prepared ? table_commit(&pending[i].table, err) : 0;

		if (!failure)
			continue;
		ret = error_prefix(err, failure, "%s", pending[i].iface->dev.name);
		pending[i].changed = 0;
	}
	for (size_t i = 0; i < count; i++)
		log_verbose("%s: %s changed", pending[i].iface->dev.name,
			    number_count(pending[i].changed, "rule", text));
	return ret;
}

static void abort_all(struct pending *pending, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pending[i].prepared)
			table_abort(&pending[i].table);
}

/* One program can be attached to several interfaces by hand. Its rules change once. */
static bool shares_filter(const struct ifaces *ifaces, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (ifaces->items[before].filter.program_id == ifaces->items[i].filter.program_id)
			return true;
	return false;
}

static int change_ifaces(struct ifaces *ifaces, const struct transaction *transaction, bool *again,
			 struct error *err)
{
	auto_free struct pending *pending = calloc(ifaces->count, sizeof(*pending));
	__u32 now = tick_now();
	int ret = 0;

	if (!pending)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		pending[i].iface = &ifaces->items[i];
		if (!shares_filter(ifaces, i))
			ret = plan(&pending[i], transaction, now, err);
	}
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = prepare(&pending[i], again, err);
	if (!ret)
		return commit_all(pending, ifaces->count, transaction->input, now, err);
	abort_all(pending, ifaces->count);
	return ret;
}

static int try_change(const struct option_texts *names, const struct transaction *transaction,
		      bool *again, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret = ifaces_filtering(names, &ifaces, err);

	*again = false;
	if (!ret)
		ret = change_ifaces(&ifaces, transaction, again, err);
	ifaces_done(&ifaces);
	return ret;
}

int transaction_run(const struct option_texts *names, const struct transaction *transaction,
		    struct error *err)
{
	struct lock_patience patience = { 0 };
	auto_fd int lock = -1;
	bool again;
	int ret;

	ret = ready(err);
	if (ret)
		return ret;
	lock = lock_take(err);
	if (lock < 0)
		return lock;
	for (;;) {
		ret = try_change(names, transaction, &again, err);
		if (!again || !lock_pause(&patience))
			return ret;
		error_clear(err);
	}
}

/* -- Preview ----------------------------------------------------------------------------------- */

static int plan_aside(struct pending *pending, const struct transaction *transaction, __u32 now,
		      struct error *err)
{
	int ret = iface_read_rules(pending->iface, now, err);

	return ret ? ret : apply_guarded(pending, transaction, now, err);
}

static int preview_ifaces(struct ifaces *ifaces, const struct transaction *transaction,
			  struct error *err)
{
	auto_free struct pending *pending = calloc(ifaces->count, sizeof(*pending));
	__u32 now = tick_now();
	int ret = 0;

	if (!pending)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		pending[i].iface = &ifaces->items[i];
		ret = plan_aside(&pending[i], transaction, now, err);
	}
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		const struct iface *iface = &ifaces->items[i];

		warn(&pending[i], transaction->input, now);
		ret = preview_print(ifaces->count > 1 ? iface->dev.name : NULL, &pending[i].before,
				    &iface->rules, now, err);
	}
	for (size_t i = 0; i < ifaces->count; i++)
		ruleset_done(&pending[i].before);
	return ret < 0 ? ret : 0;
}

int transaction_preview(const struct option_texts *names, const struct transaction *transaction,
			struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret = ready(err);

	if (!ret)
		ret = ifaces_filtering(names, &ifaces, err);
	if (!ret)
		ret = preview_ifaces(&ifaces, transaction, err);
	ifaces_done(&ifaces);
	return ret;
}
