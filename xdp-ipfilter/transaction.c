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
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>
#include <util/signals.h>

#include "lockout.h"
#include "progress.h"

struct pending {
	struct iface *iface;
	struct table_change table;
	size_t changed;
	bool prepared;
};

/* What somebody else was quicker at, or is at work on, is done again with what is live then. */
static bool lost_race(int ret)
{
	return ret == -EAGAIN || ret == -EBUSY;
}

int iface_read_rules(struct iface *iface, __u32 now, struct error *err)
{
	int ret = table_read(&iface->filter, &iface->rules, &iface->live, err);

	if (ret)
		return error_prefix(err, ret, "%s", iface->dev.name);
	ruleset_tidy(&iface->rules, now);
	return 0;
}

static int refuse_set(const struct iface *iface, const struct input *input,
		      const struct input_set *set, struct error *err)
{
	__u32 line;
	const struct input_source *source = input_find_source(input, set->origin, &line);

	error_set(err, -E2BIG, "set %s: %s has %u sets already", set->name, iface->dev.name,
		  IPF_MAX_SETS);
	if (source && source->name)
		error_prefix(err, -E2BIG, "%s:%u", source->name, line);
	return -E2BIG;
}

static int number_sets(struct iface *iface, const struct input *input, __u16 *sets,
		       struct error *err)
{
	for (size_t i = 0; i < input->set_count; i++) {
		int index = ruleset_name_set(&iface->rules, input->sets[i].name);

		if (index == -E2BIG)
			return refuse_set(iface, input, &input->sets[i], err);
		if (index < 0)
			return error_no_memory(err);
		sets[i] = (__u16)index;
	}
	return 0;
}

int iface_input(struct iface *iface, const struct input *input, struct rule **out, __u16 **sets,
		struct error *err)
{
	auto_free struct rule *rules = calloc(input->count + 1, sizeof(*rules));
	auto_free __u16 *numbers = calloc(input->set_count + 1, sizeof(*numbers));
	int ret;

	if (!rules || !numbers)
		return error_no_memory(err);
	ret = number_sets(iface, input, numbers, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < input->count; i++) {
		rules[i] = input->rules[i];
		rules[i].set = numbers[rules[i].set];
		rules[i].verdict =
			(__u8)verdict_under(rules[i].verdict, iface->filter.config.policy);
	}
	*out = rules;
	rules = NULL;
	if (sets) {
		*sets = numbers;
		numbers = NULL;
	}
	return 0;
}

/* How many rules each of the marked sets has. */
static size_t *count_sets(const struct ruleset *rules, const bool *sets)
{
	size_t *counts = calloc(rules->set_count + 1, sizeof(*counts));

	for (size_t i = 0; counts && i < rules->set_count; i++)
		counts[i] = sets[i] ? ruleset_count_set(rules, i) : 0;
	return counts;
}

int iface_replace(struct iface *iface, const struct input *input, const bool *sets, bool force,
		  struct rule *rules, size_t *changed, struct error *err)
{
	auto_free size_t *before = count_sets(&iface->rules, sets);

	if (!before || ruleset_replace(&iface->rules, sets, rules, input->count, changed))
		return error_no_memory(err);
	for (size_t i = 0; i < iface->rules.set_count && !force; i++) {
		if (!sets[i] || !lockout_check_shrink(iface->rules.sets[i].name, before[i],
						      ruleset_count_set(&iface->rules, i), err))
			continue;
		return error_prefix(err, -EPERM, "%s", iface->dev.name);
	}
	return 0;
}

static int apply(struct pending *pending, const struct transaction *change, __u32 now,
		 struct error *err)
{
	struct iface *iface = pending->iface;
	int ret = change->apply(iface, change->context, &pending->changed, err);

	if (!ret)
		ruleset_tidy(&iface->rules, now);
	return ret;
}

/* The same, and looks at what it has made of the rules. */
static int apply_guarded(struct pending *pending, const struct transaction *change, __u32 now,
			 struct error *err)
{
	struct iface *iface = pending->iface;
	size_t size = iface->rules.count * sizeof(*iface->rules.rules);
	auto_free struct rule *rules = malloc(size + 1);
	const struct ruleset before = { .rules = rules, .count = iface->rules.count };
	int ret;

	if (!rules)
		return error_no_memory(err);
	if (size)
		memcpy(rules, iface->rules.rules, size);
	ret = apply(pending, change, now, err);
	if (ret)
		return ret;
	return lockout_check_rules(&iface->dev, change->input, &before, &iface->rules,
				   iface->filter.config.policy, err);
}

static int plan(struct pending *pending, const struct transaction *change, __u32 now,
		struct error *err)
{
	int ret = iface_read_rules(pending->iface, now, err);

	if (ret)
		return ret;
	if (change->is_guarded &&
	    lockout_may_refuse(change->input, &pending->iface->rules,
			       pending->iface->filter.config.policy, change->kind))
		return apply_guarded(pending, change, now, err);
	return apply(pending, change, now, err);
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

/* From here on nothing fails but where the filter's memory is written over, and nothing but SIGKILL
 * comes between. */
static int commit_all(struct pending *pending, size_t count, const struct input *input, __u32 now,
		      struct error *err)
{
	int ret = 0;
	char text[NUMBER_COUNT_SIZE];

	for (size_t i = 0; i < count; i++)
		if (pending[i].prepared)
			lockout_warn(&pending[i].iface->dev, &pending[i].iface->rules,
				     pending[i].iface->filter.config.policy, input, now);
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

/* Whoever attached one program to several interfaces by hand has one set of rules there: it changes once. */
static bool shares_filter(const struct ifaces *ifaces, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (ifaces->items[before].filter.program_id == ifaces->items[i].filter.program_id)
			return true;
	return false;
}

static int change_ifaces(struct ifaces *ifaces, const struct transaction *change, bool *again,
			 struct error *err)
{
	auto_free struct pending *pending = calloc(ifaces->count, sizeof(*pending));
	int ret = 0;
	__u32 now = tick_now();

	if (!pending)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		pending[i].iface = &ifaces->items[i];
		if (!shares_filter(ifaces, i))
			ret = plan(&pending[i], change, now, err);
	}
	for (size_t i = 0; i < ifaces->count && !ret; i++)
		ret = prepare(&pending[i], again, err);
	if (!ret)
		return commit_all(pending, ifaces->count, change->input, now, err);
	abort_all(pending, ifaces->count);
	return ret;
}

static int try_change(const struct option_texts *names, const struct transaction *change,
		      bool *again, struct error *err)
{
	struct ifaces ifaces = { 0 };
	int ret = ifaces_filtering(names, &ifaces, err);

	*again = false;
	if (!ret)
		ret = change_ifaces(&ifaces, change, again, err);
	ifaces_done(&ifaces);
	return ret;
}

int transaction_run(const struct option_texts *names, const struct transaction *change,
		    struct error *err)
{
	struct lock_patience patience = { 0 };
	int ret;
	auto_fd int lock = -1;
	bool again;

	ret = ready(err);
	if (ret)
		return ret;
	lock = lock_take(err);
	if (lock < 0)
		return lock;
	for (;;) {
		ret = try_change(names, change, &again, err);
		if (!again || !lock_pause(&patience))
			return ret;
		error_clear(err);
	}
}
