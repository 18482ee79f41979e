// SPDX-License-Identifier: GPL-2.0
/*
 * What is different between two rule sets?
 *
 * Both are sorted by prefix, so one walk over both meets the rules of each prefix together; within
 * a prefix the sets' names decide, whose numbers may differ.
 */
#include "diff.h"

#include <stdio.h>
#include <string.h>

#include <cli/report.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/duration.h>

struct diff {
	struct report report;
	__u32 now;
	size_t added, removed, kept;
};

/* The rules of one prefix. */
struct span {
	const struct ruleset *set;
	size_t first, end;
};

static const char *set_name(const struct ruleset *set, const struct rule *rule)
{
	return set->sets[rule->set].name;
}

static void print_rule(struct diff *diff, char sign, const struct ruleset *set,
		       const struct rule *rule)
{
	char prefix[PREFIX_TEXT_SIZE], left[DURATION_TEXT_SIZE] = "";
	const char *name = set_name(set, rule);
	bool named = strcmp(name, RULE_DEFAULT_SET) != 0;

	prefix_format(&rule->prefix, prefix);
	if (rule->expires != IPF_NEVER)
		duration_format(tick_seconds_left(rule->expires, diff->now), left);
	report_line(&diff->report, "%c %s %s%s%s%s%s", sign, verdict_name(rule->verdict), prefix,
		    left[0] ? " timeout " : "", left, named ? " # set " : "", named ? name : "");
}

static const struct rule *find_in_span(const struct span *span, const char *name)
{
	for (size_t i = span->first; i < span->end; i++)
		if (!strcmp(set_name(span->set, &span->set->rules[i]), name))
			return &span->set->rules[i];
	return NULL;
}

static void compare_spans(struct diff *diff, const struct span *before, const struct span *after)
{
	for (size_t i = before->first; i < before->end; i++) {
		const struct rule *old = &before->set->rules[i];
		const struct rule *fresh = find_in_span(after, set_name(before->set, old));

		if (fresh && fresh->verdict == old->verdict && fresh->expires == old->expires) {
			diff->kept++;
			continue;
		}
		print_rule(diff, '-', before->set, old);
		diff->removed++;
	}
	for (size_t i = after->first; i < after->end; i++) {
		const struct rule *fresh = &after->set->rules[i];
		const struct rule *old = find_in_span(before, set_name(after->set, fresh));

		if (old && fresh->verdict == old->verdict && fresh->expires == old->expires)
			continue;
		print_rule(diff, '+', after->set, fresh);
		diff->added++;
	}
}

/* The rules from span->end on that have this prefix; none where the next one has another. */
static void next_span(struct span *span, const struct prefix *prefix)
{
	const struct ruleset *set = span->set;

	span->first = span->end;
	while (span->end < set->count && !prefix_compare(&set->rules[span->end].prefix, prefix))
		span->end++;
}

static const struct prefix *first_prefix(const struct span *a, const struct span *b)
{
	const struct prefix *left = a->end < a->set->count ? &a->set->rules[a->end].prefix : NULL;
	const struct prefix *right = b->end < b->set->count ? &b->set->rules[b->end].prefix : NULL;

	if (!left || !right)
		return left ? left : right;
	return prefix_compare(left, right) <= 0 ? left : right;
}

int diff_print(const char *ifname, const struct ruleset *before, const struct ruleset *after,
	       __u32 now, struct error *err)
{
	struct span old = { .set = before }, fresh = { .set = after };
	struct diff diff = { .now = now };
	const struct prefix *prefix;

	report_init(&diff.report, REPORT_TEXT, stdout);
	if (ifname)
		report_line(&diff.report, "# %s", ifname);
	while ((prefix = first_prefix(&old, &fresh))) {
		next_span(&old, prefix);
		next_span(&fresh, prefix);
		compare_spans(&diff, &old, &fresh);
	}
	report_line(&diff.report, "%zu added, %zu removed, %zu kept", diff.added, diff.removed,
		    diff.kept);
	return report_finish(&diff.report, err);
}
