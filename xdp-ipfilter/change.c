/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of several interfaces change together or not at all?
 *
 * First every interface is prepared, which can fail; then every one is committed, which cannot.
 */
#include "change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dataplane/lock.h>
#include <dataplane/table.h>
#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

#include "lockout.h"
#include "progress.h"
#include "rounds.h"

struct pending {
	struct target *target;
	struct table_change table;
	size_t changed;
	bool prepared;
};

/* What somebody else was quicker at, or is at work on, is done again with what is live then. */
static bool lost_race(int ret)
{
	return ret == -EAGAIN || ret == -EBUSY;
}

enum exit_code target_read_rules(struct target *target, __u32 now, struct error *err)
{
	int ret = table_read(&target->filter, &target->rules, &target->live, err);

	if (ret) {
		error_prefix(err, ret, "%s", target->dev.name);
		return EXIT_FAILED;
	}
	ruleset_tidy(&target->rules, now);
	return EXIT_DONE;
}

static enum exit_code refuse_set(const struct target *target, const struct rule_input *input,
				 const struct input_set *set, struct error *err)
{
	__u32 line;
	const struct rule_source *source = rule_input_source(input, set->origin, &line);

	error_set(err, -E2BIG, "set %s: %s has %u sets already", set->name, target->dev.name,
		  IPF_MAX_SETS);
	if (source && source->name)
		error_prefix(err, -E2BIG, "%s:%u", source->name, line);
	return EXIT_FAILED;
}

static enum exit_code number_sets(struct target *target, const struct rule_input *input,
				  __u16 *sets, struct error *err)
{
	for (size_t i = 0; i < input->set_count; i++) {
		int index = ruleset_name_set(&target->rules, input->sets[i].name);

		if (index == -E2BIG)
			return refuse_set(target, input, &input->sets[i], err);
		if (index < 0)
			return no_memory(err);
		sets[i] = (__u16)index;
	}
	return EXIT_DONE;
}

enum exit_code target_input(struct target *target, const struct rule_input *input,
			    struct rule **out, __u16 **sets, struct error *err)
{
	auto_free struct rule *rules = calloc(input->count + 1, sizeof(*rules));
	auto_free __u16 *numbers = calloc(input->set_count + 1, sizeof(*numbers));
	enum exit_code code;

	if (!rules || !numbers)
		return no_memory(err);
	code = number_sets(target, input, numbers, err);
	if (code)
		return code;
	for (size_t i = 0; i < input->count; i++) {
		rules[i] = input->rules[i];
		rules[i].set = numbers[rules[i].set];
		rules[i].verdict =
			(__u8)verdict_under(rules[i].verdict, target->filter.config.policy);
	}
	*out = rules;
	rules = NULL;
	if (sets) {
		*sets = numbers;
		numbers = NULL;
	}
	return EXIT_DONE;
}

/* How many rules each of the marked sets has. */
static size_t *count_sets(const struct ruleset *rules, const bool *sets)
{
	size_t *counts = calloc(rules->set_count + 1, sizeof(*counts));

	for (size_t i = 0; counts && i < rules->set_count; i++)
		counts[i] = sets[i] ? ruleset_count_set(rules, i) : 0;
	return counts;
}

enum exit_code target_replace(struct target *target, const struct rule_input *input,
			      const bool *sets, bool force, struct rule *rules, size_t *changed,
			      struct error *err)
{
	auto_free size_t *before = count_sets(&target->rules, sets);

	if (!before || ruleset_replace(&target->rules, sets, rules, input->count, changed))
		return no_memory(err);
	for (size_t i = 0; i < target->rules.set_count && !force; i++) {
		if (!sets[i] || !lockout_check_shrink(target->rules.sets[i].name, before[i],
						      ruleset_count_set(&target->rules, i), err))
			continue;
		error_prefix(err, -EPERM, "%s", target->dev.name);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static enum exit_code apply(struct pending *pending, const struct change *change, __u32 now,
			    struct error *err)
{
	struct target *target = pending->target;
	enum exit_code code = change->apply(target, change->context, &pending->changed, err);

	if (!code)
		ruleset_tidy(&target->rules, now);
	return code;
}

/* The same, and looks at what it has made of the rules. */
static enum exit_code apply_guarded(struct pending *pending, const struct change *change, __u32 now,
				    struct error *err)
{
	struct target *target = pending->target;
	size_t size = target->rules.count * sizeof(*target->rules.rules);
	auto_free struct rule *rules = malloc(size + 1);
	const struct ruleset before = { .rules = rules, .count = target->rules.count };
	enum exit_code code;

	if (!rules)
		return no_memory(err);
	if (size)
		memcpy(rules, target->rules.rules, size);
	code = apply(pending, change, now, err);
	if (code)
		return code;
	return lockout_check_rules(&target->dev, change->input, &before, &target->rules,
				   target->filter.config.policy, err) ?
		       EXIT_FAILED :
		       EXIT_DONE;
}

static enum exit_code plan(struct pending *pending, const struct change *change, __u32 now,
			   struct error *err)
{
	enum exit_code code = target_read_rules(pending->target, now, err);

	if (code)
		return code;
	if (change->is_guarded &&
	    lockout_may_refuse(change->input, &pending->target->rules,
			       pending->target->filter.config.policy, change->kind))
		return apply_guarded(pending, change, now, err);
	return apply(pending, change, now, err);
}

static enum exit_code prepare(struct pending *pending, bool *again, struct error *err)
{
	struct target *target = pending->target;
	int ret;

	if (!pending->changed)
		return EXIT_DONE;
	progress_rules(target->dev.name, target->rules.count);
	ret = table_prepare(&target->filter, &target->live, &target->rules, &pending->table, err);
	progress_erase();
	if (ret) {
		*again = lost_race(ret);
		error_prefix(err, ret, "%s", target->dev.name);
		return EXIT_FAILED;
	}
	pending->prepared = true;
	return EXIT_DONE;
}

/* From here on nothing fails but where the filter's memory is written over, and nothing but SIGKILL
 * comes between. */
static enum exit_code commit_all(struct pending *pending, size_t count,
				 const struct rule_input *input, __u32 now, struct error *err)
{
	enum exit_code code = EXIT_DONE;
	char text[COUNT_TEXT_SIZE];

	for (size_t i = 0; i < count; i++)
		if (pending[i].prepared)
			lockout_warn(&pending[i].target->dev, &pending[i].target->rules,
				     pending[i].target->filter.config.policy, input, now);
	signals_hold();
	for (size_t i = 0; i < count; i++) {
		int ret = pending[i].prepared ? table_commit(&pending[i].table, err) : 0;

		if (!ret)
			continue;
		error_prefix(err, ret, "%s", pending[i].target->dev.name);
		pending[i].changed = 0;
		code = EXIT_FAILED;
	}
	for (size_t i = 0; i < count; i++)
		log_verbose("%s: %s changed", pending[i].target->dev.name,
			    count_text(text, pending[i].changed, "rule"));
	return code;
}

static void abort_all(struct pending *pending, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pending[i].prepared)
			table_abort(&pending[i].table);
}

/* Whoever attached one program to several interfaces by hand has one set of rules there: it changes once. */
static bool shares_filter(const struct targets *targets, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (targets->items[before].filter.program_id == targets->items[i].filter.program_id)
			return true;
	return false;
}

static enum exit_code change_targets(struct targets *targets, const struct change *change,
				     bool *again, struct error *err)
{
	auto_free struct pending *pending = calloc(targets->count, sizeof(*pending));
	enum exit_code code = EXIT_DONE;
	__u32 now = tick_now();

	if (!pending)
		return no_memory(err);
	for (size_t i = 0; i < targets->count && !code; i++) {
		pending[i].target = &targets->items[i];
		if (!shares_filter(targets, i))
			code = plan(&pending[i], change, now, err);
	}
	for (size_t i = 0; i < targets->count && !code; i++)
		code = prepare(&pending[i], again, err);
	if (!code)
		return commit_all(pending, targets->count, change->input, now, err);
	abort_all(pending, targets->count);
	return code;
}

static enum exit_code try_change(const struct words *names, const struct change *change,
				 bool *again, struct error *err)
{
	struct targets targets = { 0 };
	enum exit_code code = targets_filtering(names, &targets, err);

	*again = false;
	if (!code)
		code = change_targets(&targets, change, again, err);
	targets_done(&targets);
	return code;
}

enum exit_code change_rules(const struct words *names, const struct change *change,
			    struct error *err)
{
	struct lock_patience patience = { 0 };
	enum exit_code code;
	auto_fd int lock = -1;
	bool again;

	if (ready(err))
		return EXIT_FAILED;
	lock = lock_take(err);
	if (lock < 0)
		return EXIT_FAILED;
	for (;;) {
		code = try_change(names, change, &again, err);
		if (!again || !lock_pause(&patience))
			return code;
		error_set(err, 0, "%s", "");
	}
}
