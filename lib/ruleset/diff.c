// SPDX-License-Identifier: GPL-2.0
/*
 * What is different between two rule sets?
 *
 * Both are sorted by prefix, so one walk over both meets the rules of each prefix together.
 */
#include <ruleset/diff.h>

#include <stdbool.h>
#include <string.h>

struct walk {
	diff_callback call;
	void *context;
	size_t same;
};

/* The rules of one prefix. */
struct peers {
	const struct ruleset *rules;
	size_t first, end;
};

/* The one in the set of that name. */
static const struct rule *find_peer(const struct peers *peers, const char *set)
{
	const struct ruleset *rules = peers->rules;

	for (size_t i = peers->first; i < peers->end; i++)
		if (!strcmp(rules->sets[rules->rules[i].set].name, set))
			return &rules->rules[i];
	return NULL;
}

static const char *set_name(const struct peers *peers, const struct rule *rule)
{
	return peers->rules->sets[rule->set].name;
}

static bool is_same(const struct rule *a, const struct rule *b)
{
	return a->verdict == b->verdict && a->expires == b->expires;
}

static void compare_peers(struct walk *walk, const struct peers *before, const struct peers *after)
{
	for (size_t i = before->first; i < before->end; i++) {
		const struct rule *old = &before->rules->rules[i];
		const struct rule *fresh = find_peer(after, set_name(before, old));

		if (fresh && is_same(old, fresh))
			walk->same++;
		else
			walk->call(old, fresh, walk->context);
	}
	for (size_t i = after->first; i < after->end; i++) {
		const struct rule *fresh = &after->rules->rules[i];

		if (!find_peer(before, set_name(after, fresh)))
			walk->call(NULL, fresh, walk->context);
	}
}

/* Moves on to the rules after peers->end that have this prefix; none where the next one has
 * another. */
static void next_peers(struct peers *peers, const struct prefix *prefix)
{
	const struct ruleset *rules = peers->rules;

	peers->first = peers->end;
	while (peers->end < rules->count &&
	       !prefix_compare(&rules->rules[peers->end].prefix, prefix))
		peers->end++;
}

/* NULL: no rules are left. */
static const struct prefix *prefix_after(const struct peers *peers)
{
	return peers->end < peers->rules->count ? &peers->rules->rules[peers->end].prefix : NULL;
}

static const struct prefix *first_prefix(const struct peers *a, const struct peers *b)
{
	const struct prefix *left = prefix_after(a), *right = prefix_after(b);

	if (!left || !right)
		return left ? left : right;
	return prefix_compare(left, right) <= 0 ? left : right;
}

size_t diff_rulesets(const struct ruleset *before, const struct ruleset *after, diff_callback call,
		     void *context)
{
	struct peers old = { .rules = before }, fresh = { .rules = after };
	struct walk walk = { .call = call, .context = context };
	const struct prefix *prefix;

	while ((prefix = first_prefix(&old, &fresh))) {
		next_peers(&old, prefix);
		next_peers(&fresh, prefix);
		compare_peers(&walk, &old, &fresh);
	}
	return walk.same;
}
