// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a set have, where several filters have it?
 */
#include <sync/joined.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <ruleset/verdict.h>

/* What a rule may have named, the best guess first. Until joined_decide(), the verdict of a rule
 * has a bit for each that fits all filters. */
static const enum verdict guesses[] = {
	VERDICT_PASS,
	VERDICT_DROP,
	VERDICT_BY_POLICY,
	VERDICT_AS_POLICY,
};

#define GUESSES (sizeof(guesses) / sizeof(guesses[0]))

void joined_done(struct joined *joined)
{
	free(joined->rules);
	*joined = (struct joined){ 0 };
}

static __u8 fitting(__u8 verdict, enum ipf_verdict policy)
{
	__u8 bits = 0;

	for (size_t i = 0; i < GUESSES; i++)
		if ((__u8)verdict_under(guesses[i], policy) == verdict)
			bits |= (__u8)(1u << i);
	return bits;
}

static struct rule of_filter(const struct rule *rule, enum ipf_verdict policy)
{
	return (struct rule){ .prefix = rule->prefix,
			      .verdict = fitting(rule->verdict, policy),
			      .expires = rule->expires,
			      .counter = IPF_NO_COUNTER };
}

/* Filters that contradict each other do not know either: the first one counts. */
static void join(struct rule *known, const struct rule *other)
{
	if (known->verdict & other->verdict)
		known->verdict &= other->verdict;
	if (known->expires == IPF_NEVER || other->expires == IPF_NEVER)
		known->expires = IPF_NEVER;
	else if (other->expires > known->expires)
		known->expires = other->expires;
}

/* The next rule of this set from `at` on. */
static size_t next_of(const struct ruleset *rules, __u16 set, size_t at)
{
	while (at < rules->count && rules->rules[at].set != set)
		at++;
	return at;
}

static int find_set(const struct ruleset *rules, const char *name)
{
	for (size_t i = 0; i < rules->set_count; i++)
		if (!strcmp(rules->sets[i].name, name))
			return (int)i;
	return -1;
}

/* Both in order, into `out`, which has room. Returns how many there are. */
static size_t merge(const struct joined *joined, const struct ruleset *rules, __u16 set,
		    enum ipf_verdict policy, struct rule *out)
{
	size_t count = 0, i = 0, j = next_of(rules, set, 0);

	while (i < joined->count || j < rules->count) {
		int order = i == joined->count ? 1 : -1;

		if (i < joined->count && j < rules->count)
			order = prefix_compare(&joined->rules[i].prefix, &rules->rules[j].prefix);
		out[count] = order <= 0 ? joined->rules[i++] : of_filter(&rules->rules[j], policy);
		if (order >= 0) {
			const struct rule other = of_filter(&rules->rules[j], policy);

			join(&out[count], &other);
			j = next_of(rules, set, j + 1);
		}
		count++;
	}
	return count;
}

int joined_add(struct joined *joined, const struct ruleset *rules, const char *set,
	       enum ipf_verdict policy)
{
	int index = find_set(rules, set);
	struct rule *merged;

	if (index < 0)
		return 0;
	merged = malloc((joined->count + rules->count + 1) * sizeof(*merged));
	if (!merged)
		return -ENOMEM;
	joined->count = merge(joined, rules, (__u16)index, policy, merged);
	free(joined->rules);
	joined->rules = merged;
	return 0;
}

static enum verdict decide(__u8 bits, const struct rule *known)
{
	enum verdict best = VERDICT_BY_POLICY;

	for (size_t i = GUESSES; i--;) {
		if (!(bits & 1u << i))
			continue;
		best = guesses[i];
		if (known && known->verdict == (__u8)best)
			return best;
	}
	return best;
}

void joined_decide(struct joined *joined, const struct rule *known, size_t count)
{
	size_t at = 0;

	for (size_t i = 0; i < joined->count; i++) {
		struct rule *rule = &joined->rules[i];

		while (at < count && prefix_compare(&known[at].prefix, &rule->prefix) < 0)
			at++;
		rule->verdict =
			(__u8)decide(rule->verdict, at < count && !prefix_compare(&known[at].prefix,
										  &rule->prefix) ?
							    &known[at] :
							    NULL);
	}
}
