// SPDX-License-Identifier: GPL-2.0
/*
 * Which regions does a change give a delta, and which does it no longer need?
 *
 * Everything here is sorted: prefixes to expand, regions, the base and the delta. Two lists are
 * walked together, or what a prefix needs is found by searches that begin where the last one ended.
 */
#include <table/regions.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <table/delta.h>
#include <table/image.h>
#include <util/array.h>
#include <util/error.h>

/* Of prefixes over one address: one for each length. */
#define MAX_COVERS 129

bool regions_cover(struct regions_walk *walk, const struct prefix *prefix)
{
	const struct prefix *items = walk->list->items;

	while (walk->at < walk->list->count && prefix_compare(&items[walk->at], prefix) <= 0) {
		if (prefix_contains(&items[walk->at], prefix))
			return true;
		walk->at++;
	}
	return false;
}

/* Is one of the list inside the prefix, which regions_cover() has just said no to? */
static bool are_inside(const struct regions_walk *walk, const struct prefix *prefix)
{
	return walk->at < walk->list->count &&
	       prefix_contains(prefix, &walk->list->items[walk->at]);
}

struct base_range regions_rules_inside(const struct ruleset *rules, const struct prefix *prefix)
{
	size_t first = ruleset_find_prefix(rules, prefix), end = first;

	while (end < rules->count && prefix_contains(prefix, &rules->rules[end].prefix))
		end++;
	return (struct base_range){ first, end };
}

/* --- Expanding -------------------------------------------------------------------------------- */

struct expansion {
	const struct delta *delta;
	size_t limit;
	struct error *err;

	struct prefix_list claims; /* the new regions */
	struct rule *rules;        /* what is copied from the base, in order */
	size_t count;
	size_t capacity;
	size_t replaced[IPF_FAMILIES]; /* how many rules are inside the new regions */
	size_t prefix; /* the last one copied, as the position of its first rule plus one */
	size_t *seen;  /* for each set the last prefix that it had */

	size_t at;                        /* where the last search in the base ended */
	struct prefix covers[MAX_COVERS]; /* over the last claim, copied; the longest last */
	size_t cover_count;
};

/* What is wrong with a rule after those that were copied before it. The rules of a rule set are in
 * order, and no set has two for a prefix. */
static const char *copy_fault(struct expansion *expansion, const struct rule *rule)
{
	const struct rule *before = expansion->count ? rule - 1 : NULL;

	if (before && rule_compare(before, rule) >= 0)
		return "the rules are not in order";
	if (!before || prefix_compare(&before->prefix, &rule->prefix) != 0)
		expansion->prefix = expansion->count + 1;
	if (expansion->seen[rule->set] == expansion->prefix)
		return "a set has a prefix twice";
	expansion->seen[rule->set] = expansion->prefix;
	return NULL;
}

static int copy_range(struct expansion *expansion, const struct base_range *range)
{
	const struct base *base = expansion->delta->base;
	size_t count = range->end - range->first;

	if (range->end < range->first)
		return image_damaged(expansion->err, "the rules are not in order");
	if (count > expansion->limit || expansion->count > expansion->limit - count)
		return -E2BIG;
	if (array_reserve(&expansion->rules, &expansion->capacity, expansion->count + count + 1,
			  sizeof(*expansion->rules)))
		return error_no_memory(expansion->err);
	for (size_t i = range->first; i < range->end; i++) {
		struct rule *to = &expansion->rules[expansion->count];
		int ret = base->read(base->context, i, to, expansion->err);
		const char *fault;

		if (ret)
			return ret;
		if (tick_ended(to->expires, expansion->delta->now))
			continue;
		fault = copy_fault(expansion, to);
		if (fault)
			return image_damaged(expansion->err, fault);
		expansion->count++;
	}
	return 0;
}

/* The covers that the claim has in common with the one before it, which are copied already. */
static void keep_common_covers(struct expansion *expansion, const struct prefix *claim)
{
	while (expansion->cover_count &&
	       !prefix_contains(&expansion->covers[expansion->cover_count - 1], claim))
		expansion->cover_count--;
}

/* Copies the covers of a claim, but for those that were copied for a claim before it. */
static int copy_covers(struct expansion *expansion, const struct prefix *claim)
{
	const struct base *base = expansion->delta->base;
	struct base_cover found[MAX_COVERS], cover = { *claim, { .first = expansion->at } };
	unsigned int shortest = base->shortest[claim->family];
	size_t count = 0;
	int ret = 0;

	keep_common_covers(expansion, claim);
	if (expansion->cover_count)
		shortest = expansion->covers[expansion->cover_count - 1].bits + 1u;
	while (cover.prefix.bits > shortest) {
		ret = base_next_cover(base, shortest, &cover, expansion->err);
		if (ret)
			return ret;
		if (cover.range.first == cover.range.end)
			break;
		found[count++] = cover;
	}
	/* The shortest was found last and comes first. */
	while (!ret && count--) {
		ret = copy_range(expansion, &found[count].range);
		expansion->covers[expansion->cover_count++] = found[count].prefix;
	}
	return ret;
}

/* Copies the rules that a claim replaces, and counts them. */
static int copy_claimed(struct expansion *expansion, enum ipf_family family,
			const struct base_range *range)
{
	expansion->replaced[family] += range->end - range->first;
	return copy_range(expansion, range);
}

/* Are there more rules to copy than there may be, whatever regions there are? Says so at once. */
static bool is_too_many(const struct expansion *expansion, enum ipf_family family,
			const struct base_range *inside)
{
	size_t count = inside->end - inside->first, replaced = expansion->delta->replaced[family];

	return count > replaced && count - replaced > expansion->limit;
}

/* Copies the base's rules inside a claim. What is inside a region of the delta is the delta's
 * already. */
static int copy_inside(struct expansion *expansion, const struct prefix *claim)
{
	const struct base *base = expansion->delta->base;
	const struct prefix_list *regions = &expansion->delta->regions;
	struct base_range left = { .first = expansion->at };
	int ret = base_find_inside(base, claim, &left, expansion->err);

	if (!ret && is_too_many(expansion, claim->family, &left))
		return -E2BIG;
	for (size_t i = prefix_list_find(regions, claim);
	     !ret && i < regions->count && prefix_contains(claim, &regions->items[i]); i++) {
		struct base_range region = left;

		ret = base_find_inside(base, &regions->items[i], &region, expansion->err);
		if (!ret)
			ret = copy_claimed(expansion, claim->family,
					   &(struct base_range){ left.first, region.first });
		left.first = region.end;
	}
	expansion->at = left.end;
	return ret ? ret : copy_claimed(expansion, claim->family, &left);
}

static int expand_claims(struct expansion *expansion)
{
	int ret = 0;

	for (size_t i = 0; i < expansion->claims.count && !ret; i++) {
		const struct prefix *claim = &expansion->claims.items[i];

		ret = base_find(expansion->delta->base, claim, &expansion->at, expansion->err);
		if (!ret)
			ret = copy_covers(expansion, claim);
		if (!ret)
			ret = copy_inside(expansion, claim);
	}
	return ret;
}

/* The prefixes that are in no region, the shortest of those that nest. */
static int find_claims(struct expansion *expansion, const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!prefix_list_covers(&expansion->delta->regions, &prefixes[i]) &&
		    prefix_list_add(&expansion->claims, &prefixes[i]))
			return error_no_memory(expansion->err);
	prefix_list_reduce(&expansion->claims);
	return 0;
}

/* What a delta has once it is expanded. */
struct expanded {
	struct rule *rules;
	size_t count;
	size_t capacity;
	struct prefix_list regions;
};

/* The first of the delta's rules, from number i on, that does not come before the prefix. */
static size_t next_own(const struct ruleset *own, size_t i, const struct prefix *prefix)
{
	const struct ruleset left = { .rules = own->rules + i, .count = own->count - i };

	/* Where many rules are copied, most are side by side. */
	if (!left.count || prefix_compare(&left.rules[0].prefix, prefix) >= 0)
		return i;
	return i + ruleset_find_prefix(&left, prefix);
}

/* Appends the rules [from, end). */
static void put_rules(struct expanded *out, const struct rule *rules, size_t from, size_t end)
{
	if (from < end)
		memcpy(out->rules + out->count, rules + from, (end - from) * sizeof(*rules));
	out->count += end - from;
}

/* Joins the delta's rules with those that were copied. A cover can be among both. */
static void join_rules(const struct expansion *expansion, struct expanded *out)
{
	const struct ruleset *own = &expansion->delta->rules;
	size_t i = 0;

	for (size_t k = 0; k < expansion->count; k++) {
		const struct rule *copied = &expansion->rules[k];
		size_t at = own->count ? next_own(own, i, &copied->prefix) : 0;

		put_rules(out, own->rules, i, at);
		for (i = at; i < own->count; i++)
			if (prefix_compare(&own->rules[i].prefix, &copied->prefix) != 0)
				break;
		put_rules(out, copied, 0, 1);
	}
	put_rules(out, own->rules, i, own->count);
}

/* A claim takes in the regions inside of it. */
static void join_regions(const struct expansion *expansion, struct prefix_list *out)
{
	const struct prefix_list *old = &expansion->delta->regions, *claims = &expansion->claims;
	size_t i = 0;

	for (size_t k = 0; k < claims->count; k++) {
		while (i < old->count && prefix_compare(&old->items[i], &claims->items[k]) < 0)
			out->items[out->count++] = old->items[i++];
		while (i < old->count && prefix_contains(&claims->items[k], &old->items[i]))
			i++;
		out->items[out->count++] = claims->items[k];
	}
	while (i < old->count)
		out->items[out->count++] = old->items[i++];
}

static int join(const struct expansion *expansion, struct expanded *out)
{
	const struct delta *delta = expansion->delta;
	size_t rules = delta->rules.count + expansion->count;
	size_t regions = delta->regions.count + expansion->claims.count;

	if (array_reserve(&out->rules, &out->capacity, rules + 1, sizeof(*out->rules)) ||
	    array_reserve(&out->regions.items, &out->regions.capacity, regions,
			  sizeof(*out->regions.items)))
		return error_no_memory(expansion->err);
	join_rules(expansion, out);
	join_regions(expansion, &out->regions);
	return out->count + out->regions.count > expansion->limit ? -E2BIG : 0;
}

static void take_expanded(struct delta *delta, struct expanded *expanded,
			  const size_t replaced[IPF_FAMILIES])
{
	free(delta->rules.rules);
	delta->rules.rules = expanded->rules;
	delta->rules.count = expanded->count;
	delta->rules.capacity = expanded->capacity;
	expanded->rules = NULL;
	prefix_list_done(&delta->regions);
	delta->regions = expanded->regions;
	expanded->regions = (struct prefix_list){ 0 };
	for (int family = 0; family < IPF_FAMILIES; family++)
		delta->replaced[family] += replaced[family];
}

/* Remembers where a change is made. */
static int touch(struct delta *delta, const struct prefix *prefixes, size_t count)
{
	struct prefix_list *touched = &delta->touched;

	if (array_reserve(&touched->items, &touched->capacity, touched->count + count,
			  sizeof(*touched->items)))
		return -ENOMEM;
	if (count)
		memcpy(touched->items + touched->count, prefixes, count * sizeof(*prefixes));
	touched->count += count;
	return 0;
}

int regions_expand(struct delta *delta, const struct prefix *prefixes, size_t count, size_t limit,
		   struct error *err)
{
	struct expansion expansion = { .delta = delta, .limit = limit, .err = err };
	struct expanded expanded = { 0 };
	int ret;

	if (delta->rules.count + delta->regions.count > limit)
		return -E2BIG;
	ret = find_claims(&expansion, prefixes, count);
	if (!ret && expansion.claims.count) {
		expansion.seen = calloc(delta->base->set_count + 1, sizeof(*expansion.seen));
		ret = expansion.seen ? expand_claims(&expansion) : error_no_memory(err);
		if (!ret)
			ret = join(&expansion, &expanded);
	}
	if (!ret && touch(delta, prefixes, count))
		ret = error_no_memory(err);
	if (!ret && expansion.claims.count)
		take_expanded(delta, &expanded, expansion.replaced);
	free(expansion.rules);
	free(expansion.seen);
	free(expanded.rules);
	prefix_list_done(&expanded.regions);
	prefix_list_done(&expansion.claims);
	return ret;
}

/* --- Pruning ---------------------------------------------------------------------------------- */

static bool is_same_rule(const struct rule *a, const struct rule *b)
{
	return !rule_compare(a, b) && a->counter == b->counter;
}

/* The region that the prefix is in. NULL: it is in none. */
static const struct prefix *region_over(const struct delta *delta, const struct prefix *prefix)
{
	const struct prefix_list *regions = &delta->regions;
	size_t at = prefix_list_find(regions, prefix);

	if (at < regions->count && prefix_contains(&regions->items[at], prefix))
		return &regions->items[at];
	return at && prefix_contains(&regions->items[at - 1], prefix) ? &regions->items[at - 1] :
									NULL;
}

/* Does the delta say of a region what the base says? *inside: the base's rules there. */
static int compare_region(const struct delta *delta, const struct prefix *region,
			  struct base_range *inside, bool *same, struct error *err)
{
	const struct base *base = delta->base;
	struct base_range own = regions_rules_inside(&delta->rules, region);
	int ret = base_find_inside(base, region, inside, err);

	*same = true;
	for (size_t i = inside->first; !ret && i < inside->end && *same; i++) {
		struct rule rule;

		ret = base->read(base->context, i, &rule, err);
		if (ret || tick_ended(rule.expires, delta->now))
			continue;
		*same = own.first < own.end &&
			is_same_rule(&rule, &delta->rules.rules[own.first++]);
	}
	*same = *same && own.first == own.end;
	return ret;
}

/* Of the regions that were touched, those that say what the base says. */
struct pruning {
	struct prefix_list dropped; /* in order */
	size_t replaced[IPF_FAMILIES];
};

/* Looks at the regions that have something touched in them. */
static int find_dropped(const struct delta *delta, struct pruning *pruning, struct error *err)
{
	const struct prefix *last = NULL;
	size_t at = 0;

	for (size_t i = 0; i < delta->touched.count; i++) {
		const struct prefix *region = region_over(delta, &delta->touched.items[i]);
		struct base_range inside = { .first = at };
		bool same;
		int ret;

		if (!region || region == last)
			continue;
		last = region;
		ret = compare_region(delta, region, &inside, &same, err);
		if (ret)
			return ret;
		at = inside.end;
		if (!same)
			continue;
		if (prefix_list_add(&pruning->dropped, region))
			return error_no_memory(err);
		pruning->replaced[region->family] += inside.end - inside.first;
	}
	return 0;
}

/* Keeps the rules in regions, and their covers. */
static void drop_unneeded(struct delta *delta)
{
	struct ruleset *rules = &delta->rules;
	struct regions_walk regions = { .list = &delta->regions };
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (regions_cover(&regions, &rules->rules[i].prefix) ||
		    are_inside(&regions, &rules->rules[i].prefix))
			rules->rules[kept++] = rules->rules[i];
	rules->count = kept;
}

static int drop_regions(struct delta *delta, const struct pruning *pruning, struct error *err)
{
	struct prefix_list *regions = &delta->regions;
	struct regions_walk dropped = { .list = &pruning->dropped };
	size_t kept = 0;

	for (int family = 0; family < IPF_FAMILIES; family++)
		if (pruning->replaced[family] > delta->replaced[family])
			return image_damaged(err, "its recent changes replace fewer rules than "
						  "their regions have");
	for (size_t i = 0; i < regions->count; i++)
		if (!regions_cover(&dropped, &regions->items[i]))
			regions->items[kept++] = regions->items[i];
	regions->count = kept;
	for (int family = 0; family < IPF_FAMILIES; family++)
		delta->replaced[family] -= pruning->replaced[family];
	drop_unneeded(delta);
	return 0;
}

/* New sets that have no rule go from the end of the list: then no other set gets their number. */
static void drop_last_sets(struct delta *delta)
{
	struct ruleset *rules = &delta->rules;
	size_t used = delta->base->set_count;

	if (rules->set_count == used)
		return;
	for (size_t i = 0; i < rules->count; i++)
		if (rules->rules[i].set >= used)
			used = rules->rules[i].set + 1u;
	rules->set_count = used;
}

int regions_prune(struct delta *delta, struct error *err)
{
	struct pruning pruning = { 0 };
	int ret;

	prefix_list_reduce(&delta->touched);
	ret = find_dropped(delta, &pruning, err);
	if (!ret && pruning.dropped.count)
		ret = drop_regions(delta, &pruning, err);
	if (!ret) {
		drop_last_sets(delta);
		delta->touched.count = 0;
	}
	prefix_list_done(&pruning.dropped);
	return ret;
}
