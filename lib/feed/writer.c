// SPDX-License-Identifier: GPL-2.0
/*
 * How are rules written, so that they can be read back?
 */
#include <feed/writer.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/duration.h>

/* A set's rules as positions in the rule set, which keeps their order. */
struct set_rules {
	const struct ipf_set *name;
	size_t first; /* into an array of positions */
	size_t count;
};

static bool is_default(const struct ipf_set *name)
{
	return !strcmp(name->name, RULE_DEFAULT_SET);
}

/* `default` first, the others by name: equal rule sets give equal texts. */
static int compare_sets(const void *left, const void *right)
{
	const struct set_rules *a = left, *b = right;

	if (is_default(a->name) != is_default(b->name))
		return is_default(a->name) ? -1 : 1;
	return strcmp(a->name->name, b->name->name);
}

/* Sorts the positions of the rules that have not ended by set (counting, then placing). */
static void group_by_set(const struct ruleset *set, __u32 now, struct set_rules *groups,
			 size_t *positions)
{
	size_t first = 0;

	for (size_t i = 0; i < set->count; i++)
		if (!tick_ended(set->rules[i].expires, now))
			groups[set->rules[i].set].count++;
	for (size_t i = 0; i < set->set_count; i++) {
		groups[i].name = &set->sets[i];
		groups[i].first = first;
		first += groups[i].count;
		groups[i].count = 0;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct set_rules *group = &groups[set->rules[i].set];

		if (!tick_ended(set->rules[i].expires, now))
			positions[group->first + group->count++] = i;
	}
}

static int write_rule(const struct rule *rule, __u32 now, FILE *out)
{
	char text[PREFIX_TEXT_SIZE];
	char left[DURATION_TEXT_SIZE];

	prefix_format(&rule->prefix, text);
	if (rule->expires == IPF_NEVER)
		return fprintf(out, "%s %s\n", verdict_name(rule->verdict), text);
	duration_format(tick_seconds_left(rule->expires, now), left);
	return fprintf(out, "%s %s timeout %s\n", verdict_name(rule->verdict), text, left);
}

/* The stream keeps that a write failed, not why: errno tells at once. */
static int write_sets(const struct ruleset *set, const struct set_rules *groups,
		      const size_t *positions, bool with_names, __u32 now, FILE *out)
{
	for (size_t i = 0; i < set->set_count; i++) {
		if (groups[i].count && with_names &&
		    fprintf(out, "set %s\n", groups[i].name->name) < 0)
			return -errno;
		for (size_t k = 0; k < groups[i].count; k++)
			if (write_rule(&set->rules[positions[groups[i].first + k]], now, out) < 0)
				return -errno;
	}
	return fflush(out) ? -errno : 0;
}

int writer_write(const struct ruleset *set, __u32 now, FILE *out)
{
	struct set_rules *groups = calloc(set->set_count + 1, sizeof(*groups));
	size_t *positions = calloc(set->count + 1, sizeof(*positions));
	bool only_default = true;
	int ret = -ENOMEM;

	if (!groups || !positions)
		goto done;
	group_by_set(set, now, groups, positions);
	qsort(groups, set->set_count, sizeof(*groups), compare_sets);
	for (size_t i = 0; i < set->set_count; i++)
		only_default = only_default && (!groups[i].count || is_default(groups[i].name));

	ret = write_sets(set, groups, positions, !only_default, now, out);
done:
	free(groups);
	free(positions);
	return ret;
}
