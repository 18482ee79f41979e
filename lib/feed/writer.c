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
#include <util/timestamp.h>

#define END_SIZE 48

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

/* What to write, and how. */
struct writer {
	const struct ruleset *rules;
	const struct set_rules *sets;
	const size_t *positions;
	bool with_names;
	__u32 now;
	uint64_t unix_now_ns; /* 0: write what is left */
	FILE *out;
};

static const char *verdict_word(__u8 verdict)
{
	if (verdict == VERDICT_BY_POLICY)
		return "";
	return verdict == VERDICT_PASS ? "pass " : "drop ";
}

/* " timeout 1h", " until 2026-12-01T00:00:00Z", or nothing */
static void describe_end(const struct writer *writer, __u32 expires, char text[END_SIZE])
{
	char end[END_SIZE - sizeof(" timeout ")];

	*text = '\0';
	if (expires == IPF_NEVER)
		return;
	if (writer->unix_now_ns)
		timestamp_format(tick_unix_s(expires, writer->now, writer->unix_now_ns), end);
	else
		duration_format(tick_seconds_left(expires, writer->now), end);
	snprintf(text, END_SIZE, " %s %s", writer->unix_now_ns ? "until" : "timeout", end);
}

static int write_rule(const struct writer *writer, const struct rule *rule)
{
	char prefix[PREFIX_TEXT_SIZE], end[END_SIZE];

	prefix_format(&rule->prefix, prefix);
	describe_end(writer, rule->expires, end);
	return fprintf(writer->out, "%s%s%s\n", verdict_word(rule->verdict), prefix, end);
}

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

		if (write_rule(writer, rule) < 0)
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

int writer_write(const struct ruleset *rules, __u32 now, uint64_t unix_now_ns, FILE *out)
{
	auto_free struct set_rules *sets = calloc(rules->set_count + 1, sizeof(*sets));
	auto_free size_t *positions = calloc(rules->count + 1, sizeof(*positions));
	struct writer writer = {
		.rules = rules,
		.sets = sets,
		.positions = positions,
		.now = now,
		.unix_now_ns = unix_now_ns,
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
