// SPDX-License-Identifier: GPL-2.0
/*
 * What was on some interfaces before a change, and how does it come back?
 */
#include <control/undo.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <control/transaction.h>
#include <dataplane/attach.h>
#include <dataplane/detach.h>
#include <dataplane/sweep.h>
#include <ruleset/diff.h>
#include <ruleset/tick.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

#define MAX_NAMED 10 /* rules that stay; more are counted */

/* What an interface has. */
struct state {
	__u32 program_id; /* 0: not loaded, and the rest is zero */
	struct attach_options options;
	enum enforcement enforcement;
	struct ruleset rules;
};

struct undo_part {
	struct netdev dev;
	struct state before, after;
	bool shares_rules; /* its program is that of an earlier one too */
	bool was_undone;
	char *remarks; /* of the last try to merge; NULL: none */
};

struct undo {
	struct undo_part *parts;
	size_t count;
};

/* Writes a line. */
static void remark(FILE *remarks, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void remark(FILE *remarks, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(remarks, format, args);
	va_end(args);
	fputc('\n', remarks);
}

/* --- Noting ----------------------------------------------------------------------------------- */

static void state_done(struct state *state)
{
	ruleset_done(&state->rules);
	*state = (struct state){ .program_id = 0 };
}

/* How to load the filter as it is. */
static struct attach_options options_of(const struct chain *chain, const struct filter *filter)
{
	const struct ipf_config *config = &filter->config;

	return (struct attach_options){
		.mode = chain->mode,
		.policy = config->policy == IPF_DROP ? IPF_DROP : IPF_PASS,
		.priority = chain->state == FILTER_STATE_CHAINED ? chain->priority :
								   config->priority,
		.trace = config->trace,
		.observe = filter->enforcement == ENFORCEMENT_OFF,
		.counting = config->counting,
	};
}

static int read_filter(const struct chain *chain, struct state *out, struct error *err)
{
	struct filter filter = FILTER_CLOSED;
	int ret = filter_open(chain->program_id, &filter, err);

	if (ret)
		return ret;
	out->program_id = chain->program_id;
	out->options = options_of(chain, &filter);
	out->enforcement = filter.enforcement;
	ret = table_read(&filter, &out->rules, NULL, err);
	filter_close(&filter);
	if (!ret)
		ruleset_tidy(&out->rules, tick_now());
	return ret;
}

static int read_state(const struct netdev *dev, struct state *out, struct error *err)
{
	struct chain chain;
	int ret = chain_read(dev, &chain, err);

	*out = (struct state){ .program_id = 0 };
	ruleset_init(&out->rules);
	if (ret)
		return ret;
	if (!chain.program_id && (chain.held.program_id || chain_is_broken(&chain)))
		return error_set(err, -EBUSY,
				 "%s: its chain is broken, so nothing there can be undone",
				 dev->name);
	if (chain.our_count > 1)
		return error_set(err, -EBUSY,
				 "%s: its chain has %u filters, so nothing there can be undone",
				 dev->name, chain.our_count);
	ret = chain.program_id ? read_filter(&chain, out, err) : 0;
	return ret ? error_prefix(err, ret, "%s", dev->name) : 0;
}

static int begin_parts(struct undo *undo, const struct ifaces *ifaces, struct error *err)
{
	int ret = 0;

	undo->parts = calloc(ifaces->count + 1, sizeof(*undo->parts));
	if (!undo->parts)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count && !ret; i++) {
		undo->parts[i].dev = ifaces->items[i].dev;
		undo->count = i + 1;
		ret = read_state(&undo->parts[i].dev, &undo->parts[i].before, err);
	}
	return ret;
}

static void undo_free(struct undo *undo)
{
	for (size_t i = 0; undo && i < undo->count; i++) {
		state_done(&undo->parts[i].before);
		state_done(&undo->parts[i].after);
		free(undo->parts[i].remarks);
	}
	if (undo)
		free(undo->parts);
	free(undo);
}

struct undo *undo_begin(const struct ifaces *ifaces, struct error *err)
{
	struct undo *undo = calloc(1, sizeof(*undo));

	if (!undo) {
		error_no_memory(err);
		return NULL;
	}
	if (!begin_parts(undo, ifaces, err))
		return undo;
	undo_free(undo);
	return NULL;
}

static void count_difference(const struct rule *before, const struct rule *after, void *context)
{
	(void)before;
	(void)after;
	++*(size_t *)context;
}

static size_t count_differences(const struct ruleset *before, const struct ruleset *after)
{
	size_t count = 0;

	diff_rulesets(before, after, count_difference, &count);
	return count;
}

static bool is_different(const struct state *before, const struct state *after)
{
	return before->program_id != after->program_id ||
	       before->enforcement != after->enforcement ||
	       count_differences(&before->rules, &after->rules);
}

/* One program can be attached to several interfaces by hand. */
static bool shares_rules(const struct undo *undo, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (undo->parts[before].after.program_id == undo->parts[i].after.program_id)
			return true;
	return false;
}

int undo_note(struct undo *undo, bool *changed, struct error *err)
{
	*changed = false;
	for (size_t i = 0; i < undo->count; i++) {
		struct undo_part *part = &undo->parts[i];
		int ret;

		state_done(&part->after);
		ret = read_state(&part->dev, &part->after, err);
		if (ret)
			return ret;
		part->shares_rules = shares_rules(undo, i);
		*changed = *changed || is_different(&part->before, &part->after);
	}
	return 0;
}

/* --- Rules ------------------------------------------------------------------------------------ */

/* What happens to the rules of an interface. */
struct merge {
	const struct undo_part *part;
	struct ruleset *now;
	__u32 tick;
	struct rule *add, *remove;
	size_t add_count, add_capacity, remove_count, remove_capacity;
	size_t kept; /* rules that the change touched, and others after it */
	FILE *remarks;
	bool no_memory;
};

static const struct rule *find_rule(const struct ruleset *rules, const struct prefix *prefix,
				    const char *set)
{
	for (size_t i = ruleset_find_prefix(rules, prefix);
	     i < rules->count && !prefix_compare(&rules->rules[i].prefix, prefix); i++)
		if (!strcmp(rules->sets[rules->rules[i].set].name, set))
			return &rules->rules[i];
	return NULL;
}

/* NULL for a rule that has ended: it decides nothing any more. */
static const struct rule *unless_ended(const struct rule *rule, __u32 tick)
{
	return rule && !tick_ended(rule->expires, tick) ? rule : NULL;
}

static bool is_same(const struct rule *a, const struct rule *b)
{
	if (!a || !b)
		return a == b;
	return a->verdict == b->verdict && a->expires == b->expires;
}

static void append(struct merge *merge, struct rule **rules, size_t *count, size_t *capacity,
		   const struct rule *rule, const char *set)
{
	int index = ruleset_name_set(merge->now, set);

	if (index < 0 || array_reserve(rules, capacity, *count + 1, sizeof(**rules))) {
		merge->no_memory = true;
		return;
	}
	(*rules)[*count] = *rule;
	(*rules)[(*count)++].set = (__u16)index;
}

static void name_kept(struct merge *merge, const struct rule *rule, const char *set, bool is_there)
{
	char prefix[PREFIX_TEXT_SIZE];

	if (++merge->kept > MAX_NAMED)
		return;
	prefix_format(&rule->prefix, prefix);
	remark(merge->remarks, "%s: %s (%s) was %s meanwhile, and stays so", merge->part->dev.name,
	       prefix, set, is_there ? "changed" : "deleted");
}

/* A rule that the change has added, removed or altered. */
static void merge_rule(const struct rule *before, const struct rule *after, void *context)
{
	struct merge *merge = context;
	const struct undo_part *part = merge->part;
	const struct rule *any = before ? before : after;
	const char *set = before ? part->before.rules.sets[before->set].name :
				   part->after.rules.sets[after->set].name;
	const struct rule *now = find_rule(merge->now, &any->prefix, set);

	before = unless_ended(before, merge->tick);
	after = unless_ended(after, merge->tick);
	now = unless_ended(now, merge->tick);
	if (!is_same(now, after))
		name_kept(merge, any, set, now);
	else if (before)
		append(merge, &merge->add, &merge->add_count, &merge->add_capacity, before, set);
	else if (now)
		append(merge, &merge->remove, &merge->remove_count, &merge->remove_capacity, now,
		       set);
}

/* Rules that others have changed, and this change has not. */
static void name_others(struct merge *merge)
{
	size_t all = count_differences(&merge->part->after.rules, merge->now);
	char count[NUMBER_COUNT_SIZE];

	if (merge->kept > MAX_NAMED)
		remark(merge->remarks, "%s: and %s more", merge->part->dev.name,
		       number_count(merge->kept - MAX_NAMED, "rule", count));
	if (all > merge->kept)
		remark(merge->remarks, "%s: kept what others have changed meanwhile: %s",
		       merge->part->dev.name, number_count(all - merge->kept, "rule", count));
}

static int apply_merge(struct merge *merge, size_t *changed, struct error *err)
{
	size_t removed = 0, added = 0;

	if (merge->no_memory ||
	    ruleset_remove(merge->now, merge->remove, merge->remove_count, &removed) ||
	    ruleset_add(merge->now, merge->add, merge->add_count, &added))
		return error_no_memory(err);
	*changed = removed + added;
	return 0;
}

/* Rules that ended after the change are not among those that were changed. */
static void drop_ended(struct undo_part *part, __u32 tick)
{
	ruleset_drop_ended(&part->after.rules, tick);
	ruleset_drop_ended(&part->before.rules, tick);
}

/* Replaces part->remarks: this may be called again for the same interface. */
static int merge_part(struct undo_part *part, struct ruleset *now, size_t *changed,
		      struct error *err)
{
	struct merge merge = { .part = part, .now = now, .tick = tick_now() };
	size_t size;
	int ret;

	free(part->remarks);
	part->remarks = NULL;
	merge.remarks = open_memstream(&part->remarks, &size);
	if (!merge.remarks)
		return error_no_memory(err);
	drop_ended(part, merge.tick);
	ruleset_drop_ended(now, merge.tick);
	diff_rulesets(&part->before.rules, &part->after.rules, merge_rule, &merge);
	name_others(&merge);
	ret = apply_merge(&merge, changed, err);
	fclose(merge.remarks);
	free(merge.add);
	free(merge.remove);
	return ret;
}

/* The request of the transaction that gives rules back. */
struct give_back {
	struct transaction change; /* first: its steps get the request */
	struct undo_part *part;
};

static int give_back_to(struct iface *iface, const struct transaction *change, size_t *changed,
			struct error *err)
{
	const struct give_back *request = (const void *)change;

	/* All rules are compared. */
	return iface->is_edited ? -E2BIG : merge_part(request->part, &iface->rules, changed, err);
}

static int revert_rules(struct undo_part *part, FILE *remarks, struct error *err)
{
	const char *name = part->dev.name;
	struct give_back request = {
		.change = { .devices = { .items = &name, .count = 1 }, .apply = give_back_to },
		.part = part,
	};
	int ret = transaction_prepare(&request, err);

	if (!ret)
		ret = transaction_commit(&request, err);
	if (!ret && part->remarks)
		fputs(part->remarks, remarks);
	transaction_done(&request);
	return ret;
}

/* --- Undoing ---------------------------------------------------------------------------------- */

/* Does the interface still have what the change left there? A filter that was loaded anew, as by a
 * repair, gets its rules back too: it may be what locks the operator out. */
static bool is_where_it_was(const struct undo_part *part, const struct chain *chain, FILE *remarks)
{
	const __u32 before = part->before.program_id, after = part->after.program_id;

	if (chain->program_id == after)
		return true;
	if (before && after && chain->program_id) {
		remark(remarks, "%s: its filter was loaded anew meanwhile, and stays so",
		       part->dev.name);
		return true;
	}
	if (before || chain->program_id)
		remark(remarks, "%s: left alone: its filter was %s meanwhile", part->dev.name,
		       chain->program_id ? "loaded anew" : "unloaded");
	return false;
}

static int switch_back(const struct undo_part *part, __u32 program_id, FILE *remarks,
		       struct error *err)
{
	struct filter filter = FILTER_CLOSED;
	int ret;

	if (part->before.enforcement == part->after.enforcement)
		return 0;
	ret = filter_open(program_id, &filter, err);
	if (!ret && filter.enforcement == part->after.enforcement)
		ret = enforcement_set(&filter, part->before.enforcement, err);
	else if (!ret && filter.enforcement != part->before.enforcement)
		remark(remarks, "%s: enforcement was switched meanwhile, and stays so",
		       part->dev.name);
	filter_close(&filter);
	return ret ? error_prefix(err, ret, "%s", part->dev.name) : 0;
}

/* The filter was not there before. */
static int take_off(const struct undo_part *part, FILE *remarks, struct error *err)
{
	char count[NUMBER_COUNT_SIZE];
	struct state now;
	size_t others;
	int ret = read_state(&part->dev, &now, err);

	if (!ret) {
		others = count_differences(&part->after.rules, &now.rules);
		ret = detach_program(&part->dev, now.program_id, err);
		if (!ret && others)
			remark(remarks, "%s: lost what others have changed meanwhile: %s",
			       part->dev.name, number_count(others, "rule", count));
		if (!ret)
			sweep(&part->dev);
	}
	state_done(&now);
	return ret;
}

/* The filter was there before. */
static int bring_back(struct undo_part *part, struct error *err)
{
	struct attachment *attachment = NULL;
	struct chain chain;
	int ret;

	ruleset_drop_counters(&part->before.rules);
	ruleset_tidy(&part->before.rules, tick_now());
	ret = attach_prepare(&part->dev, &part->before.options, &part->before.rules, &attachment,
			     err);
	if (!ret)
		ret = attach_commit(attachment, &chain, err);
	attachment_free(attachment);
	return ret;
}

static int revert_part(struct undo_part *part, FILE *remarks, struct error *err)
{
	const __u32 before = part->before.program_id, after = part->after.program_id;
	struct chain chain;
	int ret = chain_read(&part->dev, &chain, err);

	if (ret || !is_where_it_was(part, &chain, remarks))
		return ret;
	if (!before && after)
		return take_off(part, remarks, err);
	if (before && !after)
		return bring_back(part, err);
	if (before)
		ret = switch_back(part, chain.program_id, remarks, err);
	return ret || !before || part->shares_rules ? ret : revert_rules(part, remarks, err);
}

/* Interfaces may have got another name. One that has gone has nothing to undo. */
static int refresh_name(struct undo_part *part, bool *is_there, struct error *err)
{
	auto_free struct netdev *devs = NULL;
	size_t count;
	int ret = netdev_all(&devs, &count, err);

	*is_there = false;
	for (size_t i = 0; i < count && !ret; i++) {
		if (devs[i].ifindex != part->dev.ifindex)
			continue;
		part->dev = devs[i];
		*is_there = true;
	}
	return ret;
}

static int revert_there(struct undo_part *part, FILE *remarks, struct error *err)
{
	bool is_there;
	int ret = refresh_name(part, &is_there, err);

	if (!ret && !is_there)
		remark(remarks, "%s: left alone: it has gone", part->dev.name);
	else if (!ret)
		ret = revert_part(part, remarks, err);
	part->was_undone = !ret;
	return ret;
}

/* Where one interface fails, the others get back what they had: one of them may be what locks the
 * operator out. */
int undo_revert(struct undo *undo, FILE *remarks, struct error *err)
{
	int first = 0;

	for (size_t i = 0; i < undo->count; i++) {
		int ret = 0;

		if (!undo->parts[i].was_undone)
			ret = revert_there(&undo->parts[i], remarks, first ? NULL : err);
		first = first ? first : ret;
	}
	return first;
}
