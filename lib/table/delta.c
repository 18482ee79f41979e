// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules differ from those of a large table, and what do changes make of them?
 *
 * Everything here is sorted: prefixes to expand, regions, the base and the delta. Two lists are
 * walked together, or what a prefix needs is found by searches that begin where the last one ended.
 */
#include <table/delta.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <table/image.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

/* Of prefixes over one address: one for each length. */
#define MAX_COVERS 129

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

/* --- Walking along regions -------------------------------------------------------------------- */

/* Goes through a sorted list of disjoint prefixes, beside rules in order. */
struct walk {
	const struct prefix_list *list;
	size_t at; /* the first that does not end before the last rule asked about */
};

static bool walk_covers(struct walk *walk, const struct prefix *prefix)
{
	const struct prefix *items = walk->list->items;

	while (walk->at < walk->list->count && prefix_compare(&items[walk->at], prefix) <= 0) {
		if (prefix_contains(&items[walk->at], prefix))
			return true;
		walk->at++;
	}
	return false;
}

/* Is one of the list inside the prefix, which walk_covers() has just said no to? */
static bool walk_is_over_some(const struct walk *walk, const struct prefix *prefix)
{
	return walk->at < walk->list->count &&
	       prefix_contains(prefix, &walk->list->items[walk->at]);
}

/* --- Reading one back ------------------------------------------------------------------------- */

/* Drops the rules that have ended, and remembers in which regions. */
static int drop_ended(struct delta *delta)
{
	struct walk regions = { .list = &delta->regions };

	for (size_t i = 0; i < delta->rules.count; i++) {
		const struct rule *rule = &delta->rules.rules[i];

		if (tick_ended(rule->expires, delta->now) && walk_covers(&regions, &rule->prefix) &&
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

/* What is wrong with a rule after those that were copied before it. Only rules that are in order,
 * and of which no set has two for a prefix, make a rule set. */
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

/* A prefix and the base's rules for it. */
struct cover {
	struct prefix prefix;
	struct base_range range;
};

/* Goes on to the closest cover of *cover. An empty range: there is none of `shortest` bits or
 * more. */
static int next_cover(const struct base *base, unsigned int shortest, struct cover *cover,
		      struct error *err)
{
	struct rule rule;
	int ret = base_find_cover(base, &cover->prefix, shortest, &cover->range, err);

	if (ret || cover->range.first == cover->range.end)
		return ret;
	ret = base->read(base->context, cover->range.first, &rule, err);
	if (!ret)
		cover->prefix = rule.prefix;
	return ret;
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
	struct cover found[MAX_COVERS], cover = { *claim, { .first = expansion->at } };
	unsigned int shortest = base->shortest[claim->family];
	size_t count = 0;
	int ret = 0;

	keep_common_covers(expansion, claim);
	if (expansion->cover_count)
		shortest = expansion->covers[expansion->cover_count - 1].bits + 1u;
	while (cover.prefix.bits > shortest) {
		ret = next_cover(base, shortest, &cover, expansion->err);
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

/* Makes each prefix a region, with what the base says inside of it, unless it is in one. The table
 * stays what it was. The prefixes need not be sorted, nor disjoint. Fails as the changes do. */
static int expand(struct delta *delta, const struct prefix *prefixes, size_t count, size_t limit,
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

/* The delta's rules inside a prefix. */
static struct base_range rules_inside(const struct ruleset *rules, const struct prefix *prefix)
{
	size_t first = ruleset_find_prefix(rules, prefix), end = first;

	while (end < rules->count && prefix_contains(prefix, &rules->rules[end].prefix))
		end++;
	return (struct base_range){ first, end };
}

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
	struct base_range own = rules_inside(&delta->rules, region);
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
	struct walk regions = { .list = &delta->regions };
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (walk_covers(&regions, &rules->rules[i].prefix) ||
		    walk_is_over_some(&regions, &rules->rules[i].prefix))
			rules->rules[kept++] = rules->rules[i];
	rules->count = kept;
}

static int drop_regions(struct delta *delta, const struct pruning *pruning, struct error *err)
{
	struct prefix_list *regions = &delta->regions;
	struct walk dropped = { .list = &pruning->dropped };
	size_t kept = 0;

	for (int family = 0; family < IPF_FAMILIES; family++)
		if (pruning->replaced[family] > delta->replaced[family])
			return image_damaged(err, "its recent changes replace fewer rules than "
						  "their regions have");
	for (size_t i = 0; i < regions->count; i++)
		if (!walk_covers(&dropped, &regions->items[i]))
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

/* Drops the regions that say what the base says, of those that were expanded or that rules have
 * ended in; then the covers that no region needs, and new sets at the end without rules. Fails with
 * the table as it was. */
static int prune(struct delta *delta, struct error *err)
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
	return expand(delta, prefixes, count, limit - change->added_count, err);
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
		ret = prune(delta, err);
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
	struct base_range own = rules_inside(&delta->rules, region);
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
	struct walk regions = { .list = &delta->regions };
	size_t at = 0, region = 0;
	struct rule rule;
	int ret;

	for (;; at++) {
		ret = base_find_set(delta->base, sets, &at, &rule, err);
		if (ret || at == base_count(delta->base))
			break;
		ret = put_regions(delta, &region, &rule, sets, limit, out, err);
		if (!ret && !tick_ended(rule.expires, delta->now) &&
		    !walk_covers(&regions, &rule.prefix))
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
		struct base_range inside = rules_inside(own, region);
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
		own = rules_inside(&delta->rules, &delta->regions.items[i]);
		count += own.end - own.first;
	}
	return count;
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
	struct cover cover = { .prefix = *host };
	int ret = base_find_inside(delta->base, host, &cover.range, err);

	if (!ret)
		ret = decide_among(delta, &cover.range, out, err);
	while (!ret && cover.prefix.bits) {
		ret = next_cover(delta->base, 0, &cover, err);
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
