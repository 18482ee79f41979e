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

/* The rules of a set, as positions in the rule set, which keep its order. */
struct set_rules {
	size_t first; /* index into an array of positions */
	size_t count;
};

/* Sorts the positions of the rules that have not ended by set (counting, then placing). */
static void sort_by_set(const struct ruleset *rules, __u32 now, struct set_rules *sets,
			size_t *positions)
{
	size_t first = 0;

	for (size_t i = 0; i < rules->count; i++)
		if (!tick_ended(rules->rules[i].expires, now))
			sets[rules->rules[i].set].count++;
	for (size_t i = 0; i < rules->set_count; i++) {
		sets[i].first = first;
		first += sets[i].count;
		sets[i].count = 0;
	}
	for (size_t i = 0; i < rules->count; i++) {
		struct set_rules *set = &sets[rules->rules[i].set];

		if (!tick_ended(rules->rules[i].expires, now))
			positions[set->first + set->count++] = i;
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

/* What to write, and how. */
struct writer {
	const struct ruleset *rules;
	const struct set_rules *sets;
	const size_t *positions;
	bool with_names;
	__u32 now;
	FILE *out;
};

/* A stream remembers that a write failed, but not why; errno says that right after the write. */
static int write_set(const struct writer *writer, size_t index)
{
	const struct set_rules *set = &writer->sets[index];
	const struct ruleset *rules = writer->rules;

	if (set->count && writer->with_names &&
	    fprintf(writer->out, "set %s\n", rules->sets[index].name) < 0)
		return -errno;
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &rules->rules[writer->positions[set->first + i]];

		if (write_rule(rule, writer->now, writer->out) < 0)
			return -errno;
	}
	return 0;
}

/* `default` first. */
static int write_sets(const struct writer *writer, int first)
{
	int ret = first >= 0 ? write_set(writer, (size_t)first) : 0;

	for (size_t i = 0; i < writer->rules->set_count && !ret; i++)
		if ((int)i != first)
			ret = write_set(writer, i);
	if (!ret && fflush(writer->out))
		ret = -errno;
	return ret;
}

int writer_write(const struct ruleset *rules, __u32 now, FILE *out)
{
	auto_free struct set_rules *sets = calloc(rules->set_count + 1, sizeof(*sets));
	auto_free size_t *positions = calloc(rules->count + 1, sizeof(*positions));
	struct writer writer = {
		.rules = rules,
		.sets = sets,
		.positions = positions,
		.now = now,
		.out = out,
	};
	int first = ruleset_find_set(rules, RULE_DEFAULT_SET);

	if (!sets || !positions)
		return -ENOMEM;
	sort_by_set(rules, now, sets, positions);
	for (size_t i = 0; i < rules->set_count; i++)
		writer.with_names = writer.with_names || (sets[i].count && (int)i != first);
	return write_sets(&writer, first);
}
