// SPDX-License-Identifier: GPL-2.0
/*
 * How many of the addresses in use do rules drop?
 *
 * The walk goes from one address at which a rule begins or ends to the next. The rules that cover
 * an address are nested, so they are kept on a stack, whose top decides. Only the upper half of a
 * key is needed.
 */
#include <ruleset/coverage.h>

#include <stdint.h>

#define DEEPEST 65 /* lengths of prefixes, from 0 to 64 */

/* The upper 32 bits of first and last address. */
struct window {
	__u32 first, last;
};

static const struct window windows4[] = {
	{ 0x01000000, 0x09ffffff }, /* 1.0.0.0 - 9.255.255.255 */
	{ 0x0b000000, 0x7effffff }, /* 11.0.0.0 - 126.255.255.255 */
	{ 0x80000000, 0xdfffffff }, /* 128.0.0.0 - 223.255.255.255 */
};

/* IANA's registry of IPv6 global unicast, as of 2025. Blocks allocated later do not count yet. */
static const struct window windows6[] = {
	{ 0x20010000, 0x2001ffff }, /* 2001::/16 */
	{ 0x20030000, 0x20033fff }, /* 2003::/18 */
	{ 0x24000000, 0x241fffff }, /* 2400::/12, 2410::/12 */
	{ 0x26000000, 0x261001ff }, /* 2600::/12, 2610::/23 */
	{ 0x26200000, 0x262001ff }, /* 2620::/23 */
	{ 0x26300000, 0x263fffff }, /* 2630::/12 */
	{ 0x28000000, 0x280fffff }, /* 2800::/12 */
	{ 0x2a000000, 0x2a1fffff }, /* 2a00::/12, 2a10::/12 */
	{ 0x2c000000, 0x2c0fffff }, /* 2c00::/12 */
};

static const struct windows {
	const struct window *items;
	size_t count;
} in_use[IPF_FAMILIES] = {
	[IPF_IPV4] = { windows4, sizeof(windows4) / sizeof(windows4[0]) },
	[IPF_IPV6] = { windows6, sizeof(windows6) / sizeof(windows6[0]) },
};

static __u64 window_first(const struct window *window)
{
	return (__u64)window->first << 32;
}

static __u64 window_last(const struct window *window)
{
	return (__u64)window->last << 32 | UINT32_MAX;
}

__u64 coverage_total(enum ipf_family family)
{
	const struct windows *windows = &in_use[family];
	__u64 total = 0;

	for (size_t i = 0; i < windows->count; i++)
		total += window_last(&windows->items[i]) - window_first(&windows->items[i]) + 1;
	return total;
}

/* The upper half of the last address of the prefix. */
static __u64 last_of(const struct prefix *prefix)
{
	return prefix->key.high | (prefix->bits < 64 ? UINT64_MAX >> prefix->bits : 0);
}

__u64 coverage_of(const struct prefix *prefix)
{
	const struct windows *windows = &in_use[prefix->family];
	__u64 first = prefix->key.high, last = last_of(prefix), covered = 0;

	if (prefix->bits > 64)
		return 0;
	for (size_t i = 0; i < windows->count; i++) {
		__u64 from = window_first(&windows->items[i]);
		__u64 to = window_last(&windows->items[i]);

		if (last < from || first > to)
			continue;
		covered += (last < to ? last : to) - (first > from ? first : from) + 1;
	}
	return covered;
}

struct walk {
	const struct rule *rules;
	size_t next, count; /* those of one family: from next on, up to count */
	enum ipf_verdict policy;
	unsigned int depth;
	struct {
		const struct rule *rule;
		__u64 last;
	} open[DEEPEST];
};

static void walk_start(struct walk *walk, const struct ruleset *rules,
		       const struct coverage *coverage)
{
	size_t count4 = ruleset_count_family(rules, IPF_IPV4);

	walk->rules = rules->rules;
	walk->next = coverage->family == IPF_IPV4 ? 0 : count4;
	walk->count = coverage->family == IPF_IPV4 ? count4 : rules->count;
	walk->policy = coverage->policy;
	walk->depth = 0;
}

/* The first rule of a prefix decides; prefixes longer than /64 do not count. */
static void walk_open(struct walk *walk, const struct rule *rule)
{
	if (rule->prefix.bits > 64)
		return;
	while (walk->depth && walk->open[walk->depth - 1].last < rule->prefix.key.high)
		walk->depth--;
	if (walk->depth &&
	    !prefix_compare(&walk->open[walk->depth - 1].rule->prefix, &rule->prefix))
		return;
	walk->open[walk->depth].rule = rule;
	walk->open[walk->depth++].last = last_of(&rule->prefix);
}

/* The rule that decides at this address, which is not before that of the last call; NULL: the
 * policy. *last is lowered to the last address up to which the same rule decides. */
static const struct rule *walk_to(struct walk *walk, __u64 at, __u64 *last)
{
	while (walk->next < walk->count && walk->rules[walk->next].prefix.key.high <= at)
		walk_open(walk, &walk->rules[walk->next++]);
	while (walk->depth && walk->open[walk->depth - 1].last < at)
		walk->depth--;
	if (walk->depth && walk->open[walk->depth - 1].last < *last)
		*last = walk->open[walk->depth - 1].last;
	if (walk->next < walk->count && walk->rules[walk->next].prefix.key.high <= *last)
		*last = walk->rules[walk->next].prefix.key.high - 1;
	return walk->depth ? walk->open[walk->depth - 1].rule : NULL;
}

static bool drops(const struct walk *walk, const struct rule *rule)
{
	return (rule ? (enum ipf_verdict)rule->verdict : walk->policy) == IPF_DROP;
}

static void count_line(const struct coverage *coverage, __u32 origin, __u64 width)
{
	for (size_t i = 0; i < coverage->line_count; i++)
		if (coverage->lines[i].origin == origin)
			coverage->lines[i].dropped += width;
}

static void compare_window(struct coverage *coverage, struct walk *before, struct walk *after,
			   const struct window *window)
{
	__u64 at = window_first(window), end = window_last(window);

	for (;;) {
		__u64 last = end, width;
		bool was_dropped = drops(before, walk_to(before, at, &last));
		const struct rule *rule = walk_to(after, at, &last);
		bool is_dropped = drops(after, rule);

		width = last - at + 1;
		coverage->passed_before += was_dropped ? 0 : width;
		coverage->passed_after += is_dropped ? 0 : width;
		if (is_dropped && !was_dropped) {
			coverage->dropped += width;
			if (rule)
				count_line(coverage, rule->origin, width);
		}
		if (last == end)
			return;
		at = last + 1;
	}
}

void coverage_compare(struct coverage *coverage, const struct ruleset *before,
		      const struct ruleset *after)
{
	const struct windows *windows = &in_use[coverage->family];
	struct walk old, fresh;

	coverage->passed_before = coverage->passed_after = coverage->dropped = 0;
	for (size_t i = 0; i < coverage->line_count; i++)
		coverage->lines[i].dropped = 0;
	walk_start(&old, before, coverage);
	walk_start(&fresh, after, coverage);
	for (size_t i = 0; i < windows->count; i++)
		compare_window(coverage, &old, &fresh, &windows->items[i]);
}
