// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules are there, in which sets, and what does each change make of them?
 *
 * A change joins two lists sorted by prefix and set: the rules that are there and those that come
 * in. Within one prefix the join needs another order than the one that the rule set is kept in, so
 * the rules of a prefix (a "group", nearly always one rule) are sorted to the one before and to the
 * other behind.
 */
#include <ruleset/ruleset.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <util/array.h>
#include <util/auto.h>

#define COUNTER_SLOTS ((size_t)IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS)

void ruleset_init(struct ruleset *set)
{
	*set = (struct ruleset){ 0 };
}

void ruleset_done(struct ruleset *set)
{
	free(set->rules);
	free(set->sets);
	ruleset_init(set);
}

int ruleset_reserve(struct ruleset *set, size_t rules, size_t sets)
{
	if (array_reserve(&set->rules, &set->capacity, rules, sizeof(*set->rules)) ||
	    array_reserve(&set->sets, &set->set_capacity, sets, sizeof(*set->sets)))
		return -ENOMEM;
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool ruleset_name_valid(const char *name)
{
	size_t length = 0;

	if (!is_alnum(name[0]))
		return false;
	for (; name[length]; length++) {
		if (!is_alnum(name[length]) && !strchr("._-", name[length]))
			return false;
		if (length == IPF_SET_NAME_SIZE - 1)
			return false;
	}
	return true;
}

int ruleset_find_set(const struct ruleset *set, const char *name)
{
	for (size_t i = 0; i < set->set_count; i++)
		if (!strcmp(set->sets[i].name, name))
			return (int)i;
	return -ENOENT;
}

int ruleset_name_set(struct ruleset *set, const char *name)
{
	int found = ruleset_find_set(set, name);

	assert(ruleset_name_valid(name));
	if (found >= 0)
		return found;
	if (set->set_count == IPF_MAX_SETS)
		return -E2BIG;
	if (array_reserve(&set->sets, &set->set_capacity, set->set_count + 1, sizeof(*set->sets)))
		return -ENOMEM;
	set->sets[set->set_count] = (struct ipf_set){ 0 };
	memcpy(set->sets[set->set_count].name, name, strlen(name));
	return (int)set->set_count++;
}

typedef int (*rule_order)(const struct rule *a, const struct rule *b);

/* What the join needs: at most one rule has each place in this order. */
static int compare_place(const struct rule *a, const struct rule *b)
{
	int order = prefix_compare(&a->prefix, &b->prefix);

	return order ? order : (a->set > b->set) - (a->set < b->set);
}

/* Merges the sorted halves [0, middle) and [middle, count). Only the left half is moved aside. */
static void merge_halves(struct rule *rules, size_t middle, size_t count, struct rule *scratch,
			 rule_order compare)
{
	size_t left = 0, right = middle, to = 0;

	memcpy(scratch, rules, middle * sizeof(*rules));
	while (left < middle && right < count) {
		/* The left one where both are equal: the sort is stable. */
		if (compare(&scratch[left], &rules[right]) <= 0)
			rules[to++] = scratch[left++];
		else
			rules[to++] = rules[right++];
	}
	memcpy(&rules[to], &scratch[left], (middle - left) * sizeof(*rules));
}

/* A stable merge sort (the last of equal rules counts, and qsort(3) may swap them) that costs one
 * pass over what is sorted already. `scratch` has room for half of the rules. */
static void sort_rules(struct rule *rules, size_t count, struct rule *scratch, rule_order compare)
{
	size_t middle = count / 2;

	if (count < 2)
		return;
	sort_rules(rules, middle, scratch, compare);
	sort_rules(rules + middle, count - middle, scratch, compare);
	if (compare(&rules[middle - 1], &rules[middle]) > 0)
		merge_halves(rules, middle, count, scratch, compare);
}

/* How many rules from the first on have its prefix. */
static size_t group_size(const struct rule *rules, size_t count)
{
	size_t size = 1;

	while (size < count && !prefix_compare(&rules[0].prefix, &rules[size].prefix))
		size++;
	return size;
}

/* Sorts rules that are sorted by prefix into the whole order. */
static void sort_groups(struct rule *rules, size_t count, struct rule *scratch, rule_order compare)
{
	for (size_t i = 0; i < count;) {
		size_t size = group_size(rules + i, count - i);

		if (size > 1)
			sort_rules(rules + i, size, scratch, compare);
		i += size;
	}
}

/* Of each prefix and set the last rule stays. Returns how many are left. */
static size_t keep_last(struct rule *rules, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || compare_place(&rules[i], &rules[i + 1]) != 0)
			rules[kept++] = rules[i];
	return kept;
}

/* A change: what is to become of a rule that only the rule set has, and of one that comes in. */
enum change { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REPLACE };

struct join {
	enum change change;
	const bool *replaced; /* of CHANGE_REPLACE: flags by set */
	struct rule *out;
	size_t out_count;
	size_t changed;
};

static void join_old(struct join *join, const struct rule *old)
{
	if (join->change == CHANGE_REPLACE && join->replaced[old->set])
		join->changed++;
	else
		join->out[join->out_count++] = *old;
}

static void join_new(struct join *join, const struct rule *fresh)
{
	if (join->change == CHANGE_REMOVE)
		return;
	join->out[join->out_count] = *fresh;
	join->out[join->out_count++].counter = IPF_NO_COUNTER;
	join->changed++;
}

static void join_both(struct join *join, const struct rule *old, const struct rule *fresh)
{
	if (join->change == CHANGE_REMOVE) {
		join->changed++;
		return;
	}
	join->out[join->out_count] = *fresh;
	join->out[join->out_count++].counter = IPF_NO_COUNTER;
	join->changed += old->verdict != fresh->verdict || old->expires != fresh->expires;
}

/* Both lists are sorted by compare_place(). */
static void join_lists(struct join *join, const struct rule *old, size_t old_count,
		       const struct rule *fresh, size_t fresh_count)
{
	size_t i = 0, k = 0;

	while (i < old_count || k < fresh_count) {
		int order;

		if (i == old_count)
			order = 1;
		else if (k == fresh_count)
			order = -1;
		else
			order = compare_place(&old[i], &fresh[k]);

		if (order < 0)
			join_old(join, &old[i++]);
		else if (order > 0)
			join_new(join, &fresh[k++]);
		else
			join_both(join, &old[i++], &fresh[k++]);
	}
}

/* A counter belongs to a prefix and a verdict, in whichever sets they stand: the rules of one
 * prefix take over the slots that its rules had before. */
static void inherit_counters(struct rule *rules, size_t count, const struct rule *old,
			     size_t old_count)
{
	size_t k = 0;

	for (size_t i = 0; i < count;) {
		size_t end = i + group_size(rules + i, count - i);
		__u32 slots[] = { [IPF_PASS] = IPF_NO_COUNTER, [IPF_DROP] = IPF_NO_COUNTER };

		while (k < old_count && prefix_compare(&old[k].prefix, &rules[i].prefix) < 0)
			k++;
		for (; k < old_count && !prefix_compare(&old[k].prefix, &rules[i].prefix); k++)
			if (old[k].counter != IPF_NO_COUNTER)
				slots[old[k].verdict] = old[k].counter;
		for (; i < end; i++)
			rules[i].counter = slots[rules[i].verdict];
	}
}

/* The position of the first rule at or behind the prefix. */
static size_t find_prefix(const struct ruleset *set, const struct prefix *prefix)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&set->rules[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Joins the rules [at, end) of the set, which are all that it has of some prefixes, with those that
 * come in for these prefixes. The result is in join->out, in the order of the set. */
static void join_range(struct ruleset *set, size_t at, size_t end, const struct rule *rules,
		       size_t count, struct join *join, struct rule *scratch)
{
	struct rule *old = set->rules + at;

	join->out_count = 0;
	sort_groups(old, end - at, scratch, compare_place);
	join_lists(join, old, end - at, rules, count);
	inherit_counters(join->out, join->out_count, old, end - at);
	sort_groups(join->out, join->out_count, scratch, rule_compare);
}

/* Puts the joined rules in the place of [at, end); there is room for them. */
static void splice(struct ruleset *set, size_t at, size_t end, const struct join *join)
{
	memmove(set->rules + at + join->out_count, set->rules + end,
		(set->count - end) * sizeof(*set->rules));
	memcpy(set->rules + at, join->out, join->out_count * sizeof(*set->rules));
	set->count += join->out_count - (end - at);
}

/* A few rules are put where they belong, prefix by prefix. */
static int change_few(struct ruleset *set, struct join *join, const struct rule *rules,
		      size_t count)
{
	/* Of one prefix each set has one rule at most. */
	size_t most = set->set_count + count + 1;
	auto_free struct rule *out = malloc(most * sizeof(*out));
	auto_free struct rule *scratch = malloc(most * sizeof(*scratch));

	if (!out || !scratch ||
	    array_reserve(&set->rules, &set->capacity, set->count + count, sizeof(*set->rules)))
		return -ENOMEM;
	join->out = out;
	for (size_t i = 0; i < count;) {
		size_t size = group_size(rules + i, count - i);
		size_t at = find_prefix(set, &rules[i].prefix), end = at;

		while (end < set->count &&
		       !prefix_compare(&set->rules[end].prefix, &rules[i].prefix))
			end++;
		join_range(set, at, end, rules + i, size, join, scratch);
		splice(set, at, end, join);
		i += size;
	}
	return 0;
}

/* Many are joined with all that are there. */
static int change_many(struct ruleset *set, struct join *join, const struct rule *rules,
		       size_t count)
{
	size_t most = set->count + count;
	auto_free struct rule *scratch = malloc((most / 2 + 1) * sizeof(*scratch));
	size_t capacity = 0;

	if (!scratch || array_reserve(&join->out, &capacity, most + 1, sizeof(*join->out)))
		return -ENOMEM;
	join_range(set, 0, set->count, rules, count, join, scratch);
	free(set->rules);
	set->rules = join->out;
	set->count = join->out_count;
	set->capacity = capacity;
	return 0;
}

/* So many rules are few: putting them one by one moves less than joining all. */
#define FEW_RULES 16

static int make_change(struct ruleset *set, enum change kind, const bool *replaced,
		       struct rule *rules, size_t count, size_t *changed)
{
	struct join join = { .change = kind, .replaced = replaced };
	auto_free struct rule *scratch = malloc((count / 2 + 1) * sizeof(*scratch));
	int ret;

	/* Where nothing is there yet, a place to count from. */
	if (!scratch ||
	    array_reserve(&set->rules, &set->capacity, set->count + 1, sizeof(*set->rules)))
		return -ENOMEM;
	/* Sorting what comes in changes nothing yet. */
	sort_rules(rules, count, scratch, compare_place);
	count = keep_last(rules, count);
	if (kind != CHANGE_REPLACE && count <= FEW_RULES)
		ret = change_few(set, &join, rules, count);
	else
		ret = change_many(set, &join, rules, count);
	if (!ret && changed)
		*changed = join.changed;
	return ret;
}

int ruleset_add(struct ruleset *set, struct rule *rules, size_t count, size_t *changed)
{
	return make_change(set, CHANGE_ADD, NULL, rules, count, changed);
}

int ruleset_remove(struct ruleset *set, struct rule *rules, size_t count, size_t *changed)
{
	return make_change(set, CHANGE_REMOVE, NULL, rules, count, changed);
}

int ruleset_replace(struct ruleset *set, const bool *sets, struct rule *rules, size_t count,
		    size_t *changed)
{
	return make_change(set, CHANGE_REPLACE, sets, rules, count, changed);
}

/* Drops the rules that have ended, and marks in `used` the sets that still have one. */
static void drop_ended(struct ruleset *set, __u32 now, __u16 *used)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (tick_ended(set->rules[i].expires, now))
			continue;
		used[set->rules[i].set] = 1;
		if (kept != i)
			set->rules[kept] = set->rules[i];
		kept++;
	}
	set->count = kept;
}

/* Puts a set into the list, which is sorted by name. Names that come sorted cost one look each. */
static void insert_by_name(const struct ipf_set *sets, __u16 *list, size_t count, size_t fresh)
{
	size_t low = 0, high = count;

	if (count && strcmp(sets[list[count - 1]].name, sets[fresh].name) < 0)
		low = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(sets[list[middle]].name, sets[fresh].name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(list + low + 1, list + low, (count - low) * sizeof(*list));
	list[low] = (__u16)fresh;
}

/* Lists the used sets by name, and the others after them. Returns how many are used. */
static size_t list_sets(const struct ruleset *set, const __u16 *used, __u16 *list)
{
	size_t count = 0, end;

	for (size_t i = 0; i < set->set_count; i++)
		if (used[i])
			insert_by_name(set->sets, list, count++, i);
	end = count;
	for (size_t i = 0; i < set->set_count; i++)
		if (!used[i])
			list[end++] = (__u16)i;
	return count;
}

/* Moves sets[list[i]] to sets[i] for each i, cycle by cycle. The list becomes 0, 1, 2, ... */
static void move_sets(struct ipf_set *sets, __u16 *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct ipf_set first = sets[i];
		size_t to = i;

		while (list[to] != i) {
			size_t from = list[to];

			sets[to] = sets[from];
			list[to] = (__u16)to;
			to = from;
		}
		sets[to] = first;
		list[to] = (__u16)to;
	}
}

static int compare_rules(const void *a, const void *b)
{
	return rule_compare(a, b);
}

/* Sorts the rules of each prefix anew. No two of a prefix are equal, so that qsort(3) will do, which
 * cannot fail. */
static void sort_again(struct ruleset *set)
{
	for (size_t i = 0; i < set->count;) {
		size_t size = group_size(set->rules + i, set->count - i);

		if (size > 1)
			qsort(set->rules + i, size, sizeof(*set->rules), compare_rules);
		i += size;
	}
}

/* Gives the rules the numbers that their sets have by the list. */
static void renumber_rules(struct ruleset *set, const __u16 *list, size_t count, __u16 *numbers)
{
	bool moved = false, crossed = false;

	for (size_t i = 0; i < count; i++) {
		numbers[list[i]] = (__u16)i;
		moved = moved || list[i] != i;
		crossed = crossed || (i && list[i] < list[i - 1]);
	}
	for (size_t i = 0; i < set->count && moved; i++)
		set->rules[i].set = numbers[set->rules[i].set];
	if (crossed)
		sort_again(set);
}

void ruleset_tidy(struct ruleset *set, __u32 now)
{
	/* On the stack (256 KiB), because tidying up must not fail. */
	__u16 numbers[IPF_MAX_SETS], list[IPF_MAX_SETS];
	size_t count;

	memset(numbers, 0, set->set_count * sizeof(numbers[0]));
	drop_ended(set, now, numbers);
	count = list_sets(set, numbers, list);
	renumber_rules(set, list, count, numbers);
	move_sets(set->sets, list, set->set_count);
	set->set_count = count;
}

size_t ruleset_count_set(const struct ruleset *set, size_t index)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count += set->rules[i].set == index;
	return count;
}

size_t ruleset_count_family(const struct ruleset *set, enum ipf_family family)
{
	const struct prefix first6 = { .family = IPF_IPV6 };
	size_t count4 = find_prefix(set, &first6);

	return family == IPF_IPV4 ? count4 : set->count - count4;
}

const struct rule *ruleset_decide(const struct ruleset *set, const struct address *address,
				  __u32 now)
{
	for (unsigned int bits = address_family_bits(address->family) + 1; bits--;) {
		const struct prefix prefix = prefix_of_address(address, bits);

		for (size_t i = find_prefix(set, &prefix);
		     i < set->count && !prefix_compare(&set->rules[i].prefix, &prefix); i++)
			if (!tick_ended(set->rules[i].expires, now))
				return &set->rules[i];
	}
	return NULL;
}

static bool share_counter(const struct rule *a, const struct rule *b)
{
	return a->verdict == b->verdict && !prefix_compare(&a->prefix, &b->prefix);
}

/* Which of the first `count` slots have a rule, or are reserved. NULL: no memory. */
static bool *taken_slots(const struct ruleset *set, const __u32 *reserved, size_t reserved_count,
			 size_t count)
{
	bool *taken = calloc(count + 1, sizeof(*taken));

	if (!taken)
		return NULL;
	for (size_t i = 0; i < set->count; i++)
		if (set->rules[i].counter < count)
			taken[set->rules[i].counter] = true;
	for (size_t i = 0; i < reserved_count; i++)
		if (reserved[i] < count)
			taken[reserved[i]] = true;
	return taken;
}

/* How many rules from the first on share its counter: those of one prefix and verdict, which are side by
 * side. *slot is the one that they have, or IPF_NO_COUNTER. */
static size_t count_sharers(const struct rule *rules, size_t count, __u32 *slot)
{
	size_t sharers = 0;

	*slot = IPF_NO_COUNTER;
	for (; sharers < count && share_counter(&rules[0], &rules[sharers]); sharers++)
		if (*slot == IPF_NO_COUNTER)
			*slot = rules[sharers].counter;
	return sharers;
}

/* The next free slot from *next on, of `count`. Beyond the last one a rule works, but isn't counted. */
static __u32 take_slot(const bool *taken, size_t count, size_t *next)
{
	while (*next < count && taken[*next])
		++*next;
	return *next < count && *next < COUNTER_SLOTS ? (__u32)(*next)++ : IPF_NO_COUNTER;
}

int ruleset_assign_counters(struct ruleset *set, const __u32 *reserved, size_t reserved_count,
			    struct ruleset_slots *fresh)
{
	/* So many slots are enough for all rules, so the lowest free ones are among them. */
	size_t slots = set->count + reserved_count, next = 0;
	auto_free bool *taken = taken_slots(set, reserved, reserved_count, slots);
	__u32 *given = malloc((set->count + 1) * sizeof(*given));

	if (!taken || !given) {
		free(given);
		return -ENOMEM;
	}
	*fresh = (struct ruleset_slots){ given, 0 };
	for (size_t i = 0; i < set->count;) {
		__u32 slot;
		size_t end = i + count_sharers(set->rules + i, set->count - i, &slot);

		if (slot == IPF_NO_COUNTER) {
			slot = take_slot(taken, slots, &next);
			if (slot != IPF_NO_COUNTER)
				given[fresh->count++] = slot;
		}
		for (; i < end; i++)
			set->rules[i].counter = slot;
	}
	return 0;
}

void ruleset_drop_counters(struct ruleset *set)
{
	for (size_t i = 0; i < set->count; i++)
		set->rules[i].counter = IPF_NO_COUNTER;
}
