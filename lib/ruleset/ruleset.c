// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules are there, in which sets, and what does each change make of them?
 *
 * A change joins two lists sorted by prefix and set: the rules that are there and those that come
 * in. Within one prefix the join needs another order than the one that the rule set is kept in, so
 * the rules of a prefix ("peers", nearly always one rule) are sorted for the join, and back after
 * it.
 */
#include <ruleset/ruleset.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <util/array.h>
#include <util/auto.h>

/* So many sets are tidied up without much of a stack. */
#define FEW_SETS 256

#define COUNTER_SLOTS ((size_t)IPF_COUNTER_BLOCK * IPF_COUNTER_BLOCKS)

void ruleset_init(struct ruleset *rules)
{
	*rules = (struct ruleset){ 0 };
}

void ruleset_done(struct ruleset *rules)
{
	free(rules->rules);
	free(rules->sets);
	ruleset_init(rules);
}

int ruleset_reserve(struct ruleset *rules, size_t count, size_t sets)
{
	if (array_reserve(&rules->rules, &rules->capacity, count, sizeof(*rules->rules)) ||
	    array_reserve(&rules->sets, &rules->set_capacity, sets, sizeof(*rules->sets)))
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

int ruleset_find_set(const struct ruleset *rules, const char *name)
{
	for (size_t i = 0; i < rules->set_count; i++)
		if (!strcmp(rules->sets[i].name, name))
			return (int)i;
	return -ENOENT;
}

int ruleset_name_set(struct ruleset *rules, const char *name)
{
	int found = ruleset_find_set(rules, name);

	assert(ruleset_name_valid(name));
	if (found >= 0)
		return found;
	if (rules->set_count == IPF_MAX_SETS)
		return -E2BIG;
	if (array_reserve(&rules->sets, &rules->set_capacity, rules->set_count + 1,
			  sizeof(*rules->sets)))
		return -ENOMEM;
	rules->sets[rules->set_count] = (struct ipf_set){ 0 };
	memcpy(rules->sets[rules->set_count].name, name, strlen(name));
	return (int)rules->set_count++;
}

typedef int (*rule_order)(const struct rule *a, const struct rule *b);

int ruleset_compare_incoming(const struct rule *a, const struct rule *b)
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
static size_t count_peers(const struct rule *rules, size_t count)
{
	size_t size = 1;

	while (size < count && !prefix_compare(&rules[0].prefix, &rules[size].prefix))
		size++;
	return size;
}

/* Sorts rules that are sorted by prefix already into an order that goes by prefix first. */
static void sort_peers(struct rule *rules, size_t count, struct rule *scratch, rule_order compare)
{
	for (size_t i = 0; i < count;) {
		size_t size = count_peers(rules + i, count - i);

		if (size > 1)
			sort_rules(rules + i, size, scratch, compare);
		i += size;
	}
}

/* Keeps the last rule for each prefix and set. Returns how many are left. */
static size_t keep_last(struct rule *rules, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || ruleset_compare_incoming(&rules[i], &rules[i + 1]) != 0)
			rules[kept++] = rules[i];
	return kept;
}

/* A change: what happens to a rule that only the rule set has, and to one that comes in. */
enum change { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REPLACE };

/* A part of a sorted list. */
struct part {
	const struct rule *rules;
	size_t count;
};

struct join {
	enum change change;
	const bool *replaced; /* flags by set, for CHANGE_REPLACE */
	struct rule *out;
	size_t out_count;
	struct rule *scratch; /* to sort with: room for half of the rules */
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

/* Both parts are sorted by ruleset_compare_incoming(). */
static void join_parts(struct join *join, const struct part *old, const struct part *fresh)
{
	size_t i = 0, k = 0;

	while (i < old->count || k < fresh->count) {
		int order;

		if (i == old->count)
			order = 1;
		else if (k == fresh->count)
			order = -1;
		else
			order = ruleset_compare_incoming(&old->rules[i], &fresh->rules[k]);

		if (order < 0)
			join_old(join, &old->rules[i++]);
		else if (order > 0)
			join_new(join, &fresh->rules[k++]);
		else
			join_both(join, &old->rules[i++], &fresh->rules[k++]);
	}
}

/* A counter belongs to a prefix and a verdict, in whichever sets they are: the rules of a prefix
 * take over the slots that its rules had before. */
static void inherit_counters(struct join *join, const struct part *old)
{
	struct rule *rules = join->out;
	size_t k = 0;

	for (size_t i = 0; i < join->out_count;) {
		size_t end = i + count_peers(rules + i, join->out_count - i);
		__u32 slots[] = { [IPF_PASS] = IPF_NO_COUNTER, [IPF_DROP] = IPF_NO_COUNTER };

		while (k < old->count &&
		       prefix_compare(&old->rules[k].prefix, &rules[i].prefix) < 0)
			k++;
		for (; k < old->count && !prefix_compare(&old->rules[k].prefix, &rules[i].prefix);
		     k++)
			if (old->rules[k].counter != IPF_NO_COUNTER)
				slots[old->rules[k].verdict] = old->rules[k].counter;
		for (; i < end; i++)
			rules[i].counter = slots[rules[i].verdict];
	}
}

size_t ruleset_find_prefix(const struct ruleset *rules, const struct prefix *prefix)
{
	size_t low = 0, high = rules->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&rules->rules[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Joins `count` rules of the rule set, which are all that it has for some prefixes, with those that
 * come in for these prefixes. The result is in join->out, in the order of the rule set. */
static void join_rules(struct join *join, struct rule *rules, size_t count,
		       const struct part *incoming)
{
	const struct part old = { rules, count };

	join->out_count = 0;
	sort_peers(rules, count, join->scratch, ruleset_compare_incoming);
	join_parts(join, &old, incoming);
	inherit_counters(join, &old);
	sort_peers(join->out, join->out_count, join->scratch, rule_compare);
}

/* Puts the joined rules where [at, end) was; there is room for them. */
static void splice(struct ruleset *rules, size_t at, size_t end, const struct join *join)
{
	memmove(rules->rules + at + join->out_count, rules->rules + end,
		(rules->count - end) * sizeof(*rules->rules));
	memcpy(rules->rules + at, join->out, join->out_count * sizeof(*rules->rules));
	rules->count += join->out_count - (end - at);
}

/* Inserts a few rules, prefix by prefix. */
static int change_few(struct ruleset *rules, struct join *join, const struct part *incoming)
{
	/* Each set has at most one rule for a prefix. */
	size_t most = rules->set_count + incoming->count + 1;
	auto_free struct rule *out = malloc(most * sizeof(*out));
	auto_free struct rule *scratch = malloc(most * sizeof(*scratch));

	if (!out || !scratch ||
	    array_reserve(&rules->rules, &rules->capacity, rules->count + incoming->count,
			  sizeof(*rules->rules)))
		return -ENOMEM;
	join->out = out;
	join->scratch = scratch;
	for (size_t i = 0; i < incoming->count;) {
		const struct rule *first = incoming->rules + i;
		const struct part peers = { first, count_peers(first, incoming->count - i) };
		size_t at = ruleset_find_prefix(rules, &first->prefix), end = at;

		while (end < rules->count &&
		       !prefix_compare(&rules->rules[end].prefix, &first->prefix))
			end++;
		join_rules(join, rules->rules + at, end - at, &peers);
		splice(rules, at, end, join);
		i += peers.count;
	}
	return 0;
}

/* Joins many rules with all that are there. */
static int change_many(struct ruleset *rules, struct join *join, const struct part *incoming)
{
	size_t most = rules->count + incoming->count;
	auto_free struct rule *scratch = malloc((most / 2 + 1) * sizeof(*scratch));
	size_t capacity = 0;

	if (!scratch || array_reserve(&join->out, &capacity, most + 1, sizeof(*join->out)))
		return -ENOMEM;
	join->scratch = scratch;
	join_rules(join, rules->rules, rules->count, incoming);
	free(rules->rules);
	rules->rules = join->out;
	rules->count = join->out_count;
	rules->capacity = capacity;
	return 0;
}

/* Up to this many rules count as few: inserting each of them moves less than joining all rules. */
#define FEW_RULES 16

int ruleset_sort_incoming(struct rule *incoming, size_t *count)
{
	auto_free struct rule *scratch = malloc((*count / 2 + 1) * sizeof(*scratch));

	if (!scratch)
		return -ENOMEM;
	sort_rules(incoming, *count, scratch, ruleset_compare_incoming);
	*count = keep_last(incoming, *count);
	return 0;
}

static int make_change(struct ruleset *rules, struct join *join, struct rule *incoming,
		       size_t count, size_t *changed)
{
	struct part part;
	int ret;

	/* Where nothing is there yet, so that there is a position to count from. Sorting what comes
	 * in changes nothing yet. */
	if (array_reserve(&rules->rules, &rules->capacity, rules->count + 1,
			  sizeof(*rules->rules)) ||
	    ruleset_sort_incoming(incoming, &count))
		return -ENOMEM;
	part = (struct part){ incoming, count };
	if (join->change != CHANGE_REPLACE && part.count <= FEW_RULES)
		ret = change_few(rules, join, &part);
	else
		ret = change_many(rules, join, &part);
	if (!ret && changed)
		*changed = join->changed;
	return ret;
}

int ruleset_add(struct ruleset *rules, struct rule *incoming, size_t count, size_t *changed)
{
	return make_change(rules, &(struct join){ .change = CHANGE_ADD }, incoming, count, changed);
}

int ruleset_remove(struct ruleset *rules, struct rule *incoming, size_t count, size_t *changed)
{
	return make_change(rules, &(struct join){ .change = CHANGE_REMOVE }, incoming, count,
			   changed);
}

int ruleset_replace(struct ruleset *rules, const bool *sets, struct rule *incoming, size_t count,
		    size_t *changed)
{
	return make_change(rules, &(struct join){ .change = CHANGE_REPLACE, .replaced = sets },
			   incoming, count, changed);
}

/* Drops the rules that have ended, and marks in `used` (may be NULL) the sets that still have
 * one. */
static void drop_ended(struct ruleset *rules, __u32 now, __u16 *used)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++) {
		if (tick_ended(rules->rules[i].expires, now))
			continue;
		if (used)
			used[rules->rules[i].set] = 1;
		if (kept != i)
			rules->rules[kept] = rules->rules[i];
		kept++;
	}
	rules->count = kept;
}

void ruleset_drop_ended(struct ruleset *rules, __u32 now)
{
	drop_ended(rules, now, NULL);
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
static size_t list_sets(const struct ruleset *rules, const __u16 *used, __u16 *list)
{
	size_t count = 0, end;

	for (size_t i = 0; i < rules->set_count; i++)
		if (used[i])
			insert_by_name(rules->sets, list, count++, i);
	end = count;
	for (size_t i = 0; i < rules->set_count; i++)
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

/* Sorts the rules of each prefix again. No two of a prefix are equal, so qsort(3) is enough, and it
 * cannot fail. */
static void sort_again(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count;) {
		size_t size = count_peers(rules->rules + i, rules->count - i);

		if (size > 1)
			qsort(rules->rules + i, size, sizeof(*rules->rules), compare_rules);
		i += size;
	}
}

/* Gives the rules the numbers that their sets have by the list. */
static void renumber_rules(struct ruleset *rules, const __u16 *list, size_t count, __u16 *numbers)
{
	bool moved = false, crossed = false;

	for (size_t i = 0; i < count; i++) {
		numbers[list[i]] = (__u16)i;
		moved = moved || list[i] != i;
		crossed = crossed || (i && list[i] < list[i - 1]);
	}
	for (size_t i = 0; i < rules->count && moved; i++)
		rules->rules[i].set = numbers[rules->rules[i].set];
	if (crossed)
		sort_again(rules);
}

/* `numbers` and `list` have room for all sets of the rule set. */
static void tidy(struct ruleset *rules, __u32 now, __u16 *numbers, __u16 *list)
{
	size_t count;

	memset(numbers, 0, rules->set_count * sizeof(*numbers));
	drop_ended(rules, now, numbers);
	count = list_sets(rules, numbers, list);
	renumber_rules(rules, list, count, numbers);
	move_sets(rules->sets, list, rules->set_count);
	rules->set_count = count;
}

/* On the stack (256 KiB), because tidying up must not fail. The compiler touches each page of it,
 * which would cost a small command a tenth of its time: hence a function of its own. */
static __attribute__((noinline)) void tidy_many_sets(struct ruleset *rules, __u32 now)
{
	__u16 numbers[IPF_MAX_SETS], list[IPF_MAX_SETS];

	tidy(rules, now, numbers, list);
}

void ruleset_tidy(struct ruleset *rules, __u32 now)
{
	__u16 numbers[FEW_SETS], list[FEW_SETS];

	if (rules->set_count > FEW_SETS)
		tidy_many_sets(rules, now);
	else
		tidy(rules, now, numbers, list);
}

size_t ruleset_count_set(const struct ruleset *rules, size_t index)
{
	size_t count = 0;

	for (size_t i = 0; i < rules->count; i++)
		count += rules->rules[i].set == index;
	return count;
}

size_t ruleset_count_family(const struct ruleset *rules, enum ipf_family family)
{
	const struct prefix first6 = { .family = IPF_IPV6 };
	size_t count4 = ruleset_find_prefix(rules, &first6);

	return family == IPF_IPV4 ? count4 : rules->count - count4;
}

/* The first of the rules from `at` on that are of this prefix and have not ended. */
static const struct rule *first_of(const struct ruleset *rules, size_t at,
				   const struct prefix *prefix, __u32 now)
{
	for (; at < rules->count && !prefix_compare(&rules->rules[at].prefix, prefix); at++)
		if (!tick_ended(rules->rules[at].expires, now))
			return &rules->rules[at];
	return NULL;
}

/* Whatever covers a prefix comes before it, and so does all between the two, which the cover covers
 * as well. A cover is therefore no longer than what the prefix has in common with the rule right
 * before its place. */
const struct rule *ruleset_decide(const struct ruleset *rules, const struct address *address,
				  __u32 now)
{
	unsigned int bits = address_family_bits(address->family);

	for (;;) {
		const struct prefix prefix = prefix_of_address(address, bits);
		size_t at = ruleset_find_prefix(rules, &prefix);
		const struct rule *found = first_of(rules, at, &prefix, now);

		if (found)
			return found;
		if (!bits || !at || rules->rules[at - 1].prefix.family != address->family)
			return NULL;
		bits = prefix_common(&rules->rules[at - 1].prefix, &prefix).bits;
	}
}

static bool share_counter(const struct rule *a, const struct rule *b)
{
	return a->verdict == b->verdict && !prefix_compare(&a->prefix, &b->prefix);
}

/* Some slots, from the first on. */
struct slots {
	size_t first;
	size_t count;
	bool *taken;
	size_t next; /* those before it are not free */
};

static void take(const struct slots *slots, __u32 slot)
{
	if (slot >= slots->first && slot - slots->first < slots->count)
		slots->taken[slot - slots->first] = true;
}

/* Takes the slots that rules have, or that are reserved. Returns 0 or -ENOMEM. */
static int slots_init(struct slots *slots, const struct ruleset *rules, const __u32 *reserved,
		      size_t reserved_count)
{
	slots->taken = calloc(slots->count + 1, sizeof(*slots->taken));
	if (!slots->taken)
		return -ENOMEM;
	for (size_t i = 0; i < rules->count; i++)
		take(slots, rules->rules[i].counter);
	for (size_t i = 0; i < reserved_count; i++)
		take(slots, reserved[i]);
	return 0;
}

/* How many rules from the first on share its counter: those of one prefix and verdict, which are
 * side by side. *slot is the one that they have, or IPF_NO_COUNTER. */
static size_t count_sharers(const struct rule *rules, size_t count, __u32 *slot)
{
	size_t sharers = 0;

	*slot = IPF_NO_COUNTER;
	for (; sharers < count && share_counter(&rules[0], &rules[sharers]); sharers++)
		if (*slot == IPF_NO_COUNTER)
			*slot = rules[sharers].counter;
	return sharers;
}

/* The lowest free slot. Beyond the last one a rule works, but isn't counted. */
static __u32 take_lowest(struct slots *slots)
{
	while (slots->next < slots->count && slots->taken[slots->next])
		slots->next++;
	if (slots->next == slots->count || slots->first + slots->next >= COUNTER_SLOTS)
		return IPF_NO_COUNTER;
	return (__u32)(slots->first + slots->next++);
}

int ruleset_assign_counters(struct ruleset *rules, __u32 first, const __u32 *reserved,
			    size_t reserved_count, struct ruleset_slots *fresh)
{
	/* So many slots are enough for all rules, so the lowest free ones are among them. */
	struct slots slots = { .first = first, .count = rules->count + reserved_count };
	__u32 *given = malloc((rules->count + 1) * sizeof(*given));

	if (!given || slots_init(&slots, rules, reserved, reserved_count)) {
		free(given);
		return -ENOMEM;
	}
	*fresh = (struct ruleset_slots){ given, 0 };
	for (size_t i = 0; i < rules->count;) {
		__u32 slot;
		size_t end = i + count_sharers(rules->rules + i, rules->count - i, &slot);

		if (slot == IPF_NO_COUNTER) {
			slot = take_lowest(&slots);
			if (slot != IPF_NO_COUNTER)
				given[fresh->count++] = slot;
		}
		for (; i < end; i++)
			rules->rules[i].counter = slot;
	}
	free(slots.taken);
	return 0;
}

void ruleset_drop_counters(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rules->rules[i].counter = IPF_NO_COUNTER;
}
