// SPDX-License-Identifier: GPL-2.0
/*
 * Do the rules of a set drop nearly everybody?
 */
#include <source/breadth.h>

#include <stdint.h>

#include <ruleset/coverage.h>
#include <ruleset/verdict.h>
#include <source/receiver.h>

/* As for commands: <control/lockout.h> gives the reasons. */
#define NEARLY_NOBODY 256

static bool drops(__u8 verdict)
{
	return verdict == VERDICT_DROP || verdict == VERDICT_BY_POLICY;
}

static bool passes(__u8 verdict)
{
	return verdict == VERDICT_PASS || verdict == VERDICT_AS_POLICY;
}

static __u64 limit(enum ipf_family family)
{
	__u64 total = coverage_total(family);

	return total - total / NEARLY_NOBODY;
}

void breadth_restart(struct breadth *breadth)
{
	*breadth = (struct breadth){ .has_changed = true };
}

void breadth_note(struct breadth *breadth, const struct prefix *prefix, __u8 before, __u8 after)
{
	__u64 *most = &breadth->most[prefix->family];

	if (before == after)
		return;
	breadth->has_changed = true;
	if ((drops(after) || passes(before)) &&
	    __builtin_add_overflow(*most, coverage_of(prefix), most))
		*most = UINT64_MAX;
}

bool breadth_needs_look(struct breadth *breadth)
{
	bool needs = false;

	if (!breadth->has_changed)
		return false;
	breadth->has_changed = false;
	for (int family = 0; family < IPF_FAMILIES; family++)
		needs |= breadth->most[family] > limit(family);
	if (!needs)
		breadth->is_too_wide = false;
	return needs;
}

bool breadth_counts(const struct prefix *prefix, __u8 verdict)
{
	return verdict != RECEIVER_REMOVED && coverage_of(prefix) > 0;
}

/* The one that drops most of those of the family. */
static void find_widest(struct breadth *breadth, const struct ruleset *rules,
			enum ipf_family family)
{
	__u64 most = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		__u64 covered = rule->prefix.family == family && rule->verdict == IPF_DROP ?
					coverage_of(&rule->prefix) :
					0;

		if (covered <= most)
			continue;
		most = covered;
		breadth->widest = rule->prefix;
	}
}

void breadth_look(struct breadth *breadth, struct ruleset *rules)
{
	const struct ruleset none = { 0 };

	breadth->is_too_wide = false;
	for (size_t i = 0; i < rules->count; i++)
		rules->rules[i].verdict =
			(__u8)(drops(rules->rules[i].verdict) ? IPF_DROP : IPF_PASS);
	for (int family = 0; family < IPF_FAMILIES; family++) {
		struct coverage coverage = { .family = family, .policy = IPF_PASS };

		coverage_compare(&coverage, &none, rules);
		breadth->most[family] = coverage.dropped;
		if (coverage.dropped <= limit(family))
			continue;
		breadth->is_too_wide = true;
		find_widest(breadth, rules, family);
	}
}
