// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules differ from those of a large table, and what do changes make of them?
 */
#include <table/delta.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <table/image.h>
#include <table/regions.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

static int copy_sets(struct ruleset *to, const struct ipf_set *sets, size_t count)
{
	if (ruleset_reserve(to, 0, count))
		return -ENOMEM;
	if (count)
		memcpy(to->sets, sets, count * sizeof(*sets));
	to->set_count = count;
	return 0;
}

int delta_init(struct delta *delta, const struct base *base, __u32 now, struct error *err)
{
	*delta = (struct delta){ .base = base, .now = now };
	if (copy_sets(&delta->rules, base->sets, base->set_count))
		return error_no_memory(err);
	return 0;
}

void delta_done(struct delta *delta)
{
	ruleset_done(&delta->rules);
	prefix_list_done(&delta->regions);
	prefix_list_done(&delta->touched);
}

/* --- Reading one back ------------------------------------------------------------------------- */

/* Drops the rules that have ended, and remembers in which regions. */
static int drop_ended(struct delta *delta)
{
	struct regions_walk regions = { .list = &delta->regions };

	for (size_t i = 0; i < delta->rules.count; i++) {
		const struct rule *rule = &delta->rules.rules[i];

		if (tick_ended(rule->expires, delta->now) &&
		    regions_cover(&regions, &rule->prefix) &&
		    prefix_list_add(&delta->touched, &rule->prefix))
			return -ENOMEM;
	}
	ruleset_drop_ended(&delta->rules, delta->now);
	return 0;
}

static const char *find_fault(const struct delta *delta, const struct ruleset *rules,
			      const struct prefix_list *regions, const __u32 replaced[IPF_FAMILIES])
{
	const struct base *base = delta->base;

	if (rules->set_count < base->set_count ||
	    (base->set_count &&
	     memcmp(rules->sets, base->sets, base->set_count * sizeof(*base->sets)) != 0))
		return "its recent changes belong to another table";
	for (int family = 0; family < IPF_FAMILIES; family++)
		if (replaced[family] > base->count[family])
			return "its recent changes replace more rules than there are";
	for (size_t i = 1; i < regions->count; i++)
		if (prefix_compare(&regions->items[i - 1], &regions->items[i]) >= 0 ||
		    prefix_contains(&regions->items[i - 1], &regions->items[i]))
			return "the regions of its recent changes are not in order";
	return NULL;
}

int delta_take(struct delta *delta, struct ruleset *rules, struct prefix_list *regions,
	       const __u32 replaced[IPF_FAMILIES], struct error *err)
{
	const char *fault = find_fault(delta, rules, regions, replaced);

	if (fault)
		return image_damaged(err, fault);
	ruleset_done(&delta->rules);
	prefix_list_done(&delta->regions);
	delta->rules = *rules;
	delta->regions = *regions;
	ruleset_init(rules);
	*regions = (struct prefix_list){ 0 };
	for (int family = 0; family < IPF_FAMILIES; family++)
		delta->replaced[family] = replaced[family];
	return drop_ended(delta) ? error_no_memory(err) : 0;
}

/* --- Changes ---------------------------------------------------------------------------------- */

static bool find_own(const struct delta *delta, const struct rule *wanted, struct rule *out)
{
	const struct ruleset *rules = &delta->rules;

	for (size_t i = ruleset_find_prefix(rules, &wanted->prefix);
	     i < rules->count && !prefix_compare(&rules->rules[i].prefix, &wanted->prefix); i++)
		if (rules->rules[i].set == wanted->set) {
			*out = rules->rules[i];
			return true;
		}
	return false;
}

/* *at: where to begin in the base. */
static int find_in_base(const struct delta *delta, const struct rule *wanted, size_t *at,
			bool *found, struct rule *out, struct error *err)
{
	const struct base *base = delta->base;
	int ret = base_find(base, &wanted->prefix, at, err);

	*found = false;
	for (size_t i = *at; !ret && !*found && i < base_count(base); i++) {
		ret = base->read(base->context, i, out, err);
		if (ret || prefix_compare(&out->prefix, &wanted->prefix) != 0)
			break;
		*found = out->set == wanted->set && !tick_ended(out->expires, delta->now);
	}
	return ret;
}

/* The rule that the table has for the prefix and set of another one. */
static int find_rule(const struct delta *delta, const struct rule *wanted, size_t *at, bool *found,
		     struct rule *out, struct error *err)
{
	if (!prefix_list_covers(&delta->regions, &wanted->prefix))
		return find_in_base(delta, wanted, at, found, out, err);
	*found = find_own(delta, wanted, out);
	return 0;
}

/* What becomes different. */
struct delta_change {
	struct rule *added;
	size_t added_count;
	struct rule *removed;
	size_t removed_count;
};

static void change_done(struct delta_change *change)
{
	free(change->added);
	free(change->removed);
}

/* Of sorted rules, those that the table has not, or not with this verdict and end. */
static int find_added(const struct delta *delta, const struct rule *incoming, size_t count,
		      struct delta_change *change, struct error *err)
{
	size_t at = 0;

	change->added = malloc((count + 1) * sizeof(*change->added));
	if (!change->added)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct rule old;
		bool found;
		int ret = find_rule(delta, &incoming[i], &at, &found, &old, err);

		if (ret)
			return ret;
		if (!found || old.verdict != incoming[i].verdict ||
		    old.expires != incoming[i].expires)
			change->added[change->added_count++] = incoming[i];
	}
	return 0;
}

/* Of sorted rules, those that the table has. */
static int find_removed(const struct delta *delta, const struct rule *incoming, size_t count,
			struct delta_change *change, struct error *err)
{
	size_t at = 0;

	change->removed = malloc((count + 1) * sizeof(*change->removed));
	if (!change->removed)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct rule old;
		bool found;
		int ret = find_rule(delta, &incoming[i], &at, &found, &old, err);

		if (ret)
			return ret;
		if (found)
			change->removed[change->removed_count++] = old;
	}
	return 0;
}

static int compare_incoming(const void *a, const void *b)
{
	return ruleset_compare_incoming(a, b);
}

/* Of the rules that some sets have, those that do not come in. */
static int find_replaced(const struct ruleset *old, const struct rule *incoming, size_t count,
			 struct delta_change *change, struct error *err)
{
	change->removed = malloc((old->count + 1) * sizeof(*change->removed));
	if (!change->removed)
		return error_no_memory(err);
	for (size_t i = 0; i < old->count; i++)
		if (!count ||
		    !bsearch(&old->rules[i], incoming, count, sizeof(*incoming), compare_incoming))
			change->removed[change->removed_count++] = old->rules[i];
	return 0;
}

static int expand_change(struct delta *delta, const struct delta_change *change, size_t limit,
			 struct error *err)
{
	size_t count = change->added_count + change->removed_count;
	auto_free struct prefix *prefixes = malloc((count + 1) * sizeof(*prefixes));

	if (!prefixes)
		return error_no_memory(err);
	if (change->added_count > limit)
		return -E2BIG;
	for (size_t i = 0; i < change->added_count; i++)
		prefixes[i] = change->added[i].prefix;
	for (size_t i = 0; i < change->removed_count; i++)
		prefixes[change->added_count + i] = change->removed[i].prefix;
	return regions_expand(delta, prefixes, count, limit - change->added_count, err);
}

/* Adds before it removes, so that a rule that moves from set to set keeps its counter. */
static int make_change(struct delta *delta, const struct delta_change *change, size_t limit,
		       size_t *changed, struct error *err)
{
	size_t count = change->added_count + change->removed_count;
	int ret;

	*changed = 0;
	if (!count)
		return 0;
	ret = expand_change(delta, change, limit, err);
	if (!ret && ruleset_add(&delta->rules, change->added, change->added_count, NULL))
		ret = error_no_memory(err);
	if (!ret && ruleset_remove(&delta->rules, change->removed, change->removed_count, NULL))
		ret = error_no_memory(err);
	if (!ret)
		ret = regions_prune(delta, err);
	if (!ret)
		*changed = count;
	return ret;
}

/* Finds which of the sorted rules become different. */
typedef int (*find_changed)(const struct delta *delta, const struct rule *incoming, size_t count,
			    struct delta_change *change, struct error *err);

static int change_incoming(struct delta *delta, struct rule *incoming, size_t count, size_t limit,
			   find_changed find, size_t *changed, struct error *err)
{
	struct delta_change change = { 0 };
	int ret = ruleset_sort_incoming(incoming, &count);

	if (ret)
		return error_no_memory(err);
	ret = find(delta, incoming, count, &change, err);
	if (!ret)
		ret = make_change(delta, &change, limit, changed, err);
	change_done(&change);
	return ret;
}

int delta_add(struct delta *delta, struct rule *incoming, size_t count, size_t limit,
	      size_t *changed, struct error *err)
{
	return change_incoming(delta, incoming, count, limit, find_added, changed, err);
}

int delta_remove(struct delta *delta, struct rule *incoming, size_t count, size_t limit,
		 size_t *changed, struct error *err)
{
	return change_incoming(delta, incoming, count, limit, find_removed, changed, err);
}

int delta_replace(struct delta *delta, const bool *sets, struct rule *incoming, size_t count,
		  size_t limit, size_t *changed, struct error *err)
{
	struct delta_change change = { 0 };
	struct ruleset old;
	int ret = ruleset_sort_incoming(incoming, &count);

	if (ret)
		return error_no_memory(err);
	/* Of more rules than that, too many would go. */
	ret = delta_read_sets(delta, sets, limit < SIZE_MAX - count ? limit + count : SIZE_MAX,
			      &old, err);
	if (ret)
		return ret;
	ret = find_added(delta, incoming, count, &change, err);
	if (!ret)
		ret = find_replaced(&old, incoming, count, &change, err);
	if (!ret)
		ret = make_change(delta, &change, limit, changed, err);
	change_done(&change);
	ruleset_done(&old);
	return ret;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Appends a rule, unless there are `limit` already. */
static int put_rule(struct ruleset *out, const struct rule *rule, size_t limit, struct error *err)
{
	if (out->count == limit)
		return -E2BIG;
	if (out->count && rule_compare(&out->rules[out->count - 1], rule) >= 0)
		return image_damaged(err, "the rules are not in order");
	if (ruleset_reserve(out, out->count + 1, 0))
		return error_no_memory(err);
	out->rules[out->count++] = *rule;
	return 0;
}

/* Appends the delta's rules inside a region. */
static int put_region(const struct delta *delta, const struct prefix *region, const bool *sets,
		      size_t limit, struct ruleset *out, struct error *err)
{
	struct base_range own = regions_rules_inside(&delta->rules, region);
	int ret = 0;

	for (size_t i = own.first; i < own.end && !ret; i++)
		if (sets[delta->rules.rules[i].set])
			ret = put_rule(out, &delta->rules.rules[i], limit, err);
	return ret;
}

/* Appends the regions from *at on that come before a rule of the base; all if it is NULL. */
static int put_regions(const struct delta *delta, size_t *at, const struct rule *rule,
		       const bool *sets, size_t limit, struct ruleset *out, struct error *err)
{
	const struct prefix_list *regions = &delta->regions;
	int ret = 0;

	for (; !ret && *at < regions->count; ++*at) {
		if (rule && prefix_compare(&regions->items[*at], &rule->prefix) > 0)
			break;
		ret = put_region(delta, &regions->items[*at], sets, limit, out, err);
	}
	return ret;
}

static int read_sets(const struct delta *delta, const bool *sets, size_t limit, struct ruleset *out,
		     struct error *err)
{
	struct regions_walk regions = { .list = &delta->regions };
	size_t at = 0, region = 0;
	struct rule rule;
	int ret;

	for (;; at++) {
		ret = base_find_set(delta->base, sets, &at, &rule, err);
		if (ret || at == base_count(delta->base))
			break;
		ret = put_regions(delta, &region, &rule, sets, limit, out, err);
		if (!ret && !tick_ended(rule.expires, delta->now) &&
		    !regions_cover(&regions, &rule.prefix))
			ret = put_rule(out, &rule, limit, err);
		if (ret)
			break;
	}
	return ret ? ret : put_regions(delta, &region, NULL, sets, limit, out, err);
}

int delta_read_sets(const struct delta *delta, const bool *sets, size_t limit, struct ruleset *out,
		    struct error *err)
{
	int ret;

	ruleset_init(out);
	if (copy_sets(out, delta->rules.sets, delta->rules.set_count))
		ret = error_no_memory(err);
	else
		ret = read_sets(delta, sets, limit, out, err);
	if (ret)
		ruleset_done(out);
	return ret;
}

/* Copies rules of the base, which are `gap` further on, up to those inside a region, and skips
 * those. */
static size_t merge_before(struct ruleset *rules, size_t from, size_t end, size_t *to,
			   const struct prefix *region)
{
	const struct ruleset left = { .rules = rules->rules + from, .count = end - from };
	size_t before = ruleset_find_prefix(&left, region);

	memmove(rules->rules + *to, rules->rules + from, before * sizeof(*rules->rules));
	*to += before;
	from += before;
	while (from < end && prefix_contains(region, &rules->rules[from].prefix))
		from++;
	return from;
}

int delta_merge(const struct delta *delta, struct ruleset *rules)
{
	const struct ruleset *own = &delta->rules;
	size_t count = rules->count, from = own->count, end = from + count, to = 0;

	if (ruleset_reserve(rules, end + 1, own->set_count))
		return -ENOMEM;
	/* The base's rules move out of the way, so that all can come back in order. */
	memmove(rules->rules + from, rules->rules, count * sizeof(*rules->rules));
	for (size_t i = 0; i < delta->regions.count; i++) {
		const struct prefix *region = &delta->regions.items[i];
		struct base_range inside = regions_rules_inside(own, region);
		size_t fresh = inside.end - inside.first;

		from = merge_before(rules, from, end, &to, region);
		if (fresh)
			memcpy(rules->rules + to, own->rules + inside.first,
			       fresh * sizeof(*rules->rules));
		to += fresh;
	}
	memmove(rules->rules + to, rules->rules + from, (end - from) * sizeof(*rules->rules));
	rules->count = to + end - from;
	if (own->set_count)
		memcpy(rules->sets, own->sets, own->set_count * sizeof(*own->sets));
	rules->set_count = own->set_count;
	return 0;
}

size_t delta_count_family(const struct delta *delta, enum ipf_family family)
{
	size_t count = delta->base->count[family] - delta->replaced[family];

	for (size_t i = 0; i < delta->regions.count; i++) {
		struct base_range own;

		if (delta->regions.items[i].family != family)
			continue;
		own = regions_rules_inside(&delta->rules, &delta->regions.items[i]);
		count += own.end - own.first;
	}
	return count;
}

/* Takes the base's rules inside of a region away. *from: where to begin to look, and then where to
 * go on. */
static int untally_region(const struct delta *delta, const struct prefix *region, size_t *from,
			  struct base_tally *sets, struct error *err)
{
	const struct base *base = delta->base;
	struct base_range range = { .first = *from };
	int ret = base_find_inside(base, region, &range, err);
	struct rule rule;

	for (size_t i = range.first; i < range.end && !ret; i++) {
		ret = base->read(base->context, i, &rule, err);
		if (!ret && !sets[rule.set].rules[rule.prefix.family]--)
			ret = image_damaged(err, "a set has fewer rules than there are");
	}
	*from = range.end;
	return ret;
}

int delta_tally_sets(const struct delta *delta, struct base_tally *sets, struct error *err)
{
	const struct rule *rules = delta->rules.rules;
	size_t from = 0;
	int ret = 0;

	for (size_t i = 0; i < delta->regions.count && !ret; i++) {
		const struct prefix *region = &delta->regions.items[i];
		struct base_range own = regions_rules_inside(&delta->rules, region);

		ret = untally_region(delta, region, &from, sets, err);
		for (size_t at = own.first; at < own.end; at++)
			sets[rules[at].set].rules[region->family]++;
	}
	return ret;
}

/* The first rule of a range that has not ended. */
static int decide_among(const struct delta *delta, const struct base_range *range, struct rule *out,
			struct error *err)
{
	for (size_t i = range->first; i < range->end; i++) {
		int ret = delta->base->read(delta->base->context, i, out, err);

		if (ret)
			return ret;
		if (!tick_ended(out->expires, delta->now))
			return 1;
	}
	return 0;
}

static int decide_by_base(const struct delta *delta, const struct prefix *host, struct rule *out,
			  struct error *err)
{
	struct base_cover cover = { .prefix = *host };
	int ret = base_find_inside(delta->base, host, &cover.range, err);

	if (!ret)
		ret = decide_among(delta, &cover.range, out, err);
	while (!ret && cover.prefix.bits) {
		ret = base_next_cover(delta->base, 0, &cover, err);
		if (ret || cover.range.first == cover.range.end)
			break;
		ret = decide_among(delta, &cover.range, out, err);
	}
	return ret;
}

int delta_decide(const struct delta *delta, const struct address *address, struct rule *out,
		 struct error *err)
{
	const struct prefix host = prefix_of_address(address, address_family_bits(address->family));
	const struct rule *rule;

	if (!prefix_list_covers(&delta->regions, &host))
		return decide_by_base(delta, &host, out, err);
	rule = ruleset_decide(&delta->rules, address, delta->now);
	if (rule)
		*out = *rule;
	return rule != NULL;
}
