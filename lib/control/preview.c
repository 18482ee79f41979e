// SPDX-License-Identifier: GPL-2.0
/*
 * What would a change do to the rules of an interface?
 */
#include <control/preview.h>

#include <stdio.h>
#include <string.h>

#include <cli/report.h>
#include <ruleset/diff.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/duration.h>

struct preview {
	struct report report;
	const struct ruleset *before, *after;
	__u32 now;
	size_t added, removed;
};

static void print_rule(struct preview *preview, char sign, const struct ruleset *rules,
		       const struct rule *rule)
{
	char prefix[PREFIX_TEXT_SIZE], left[DURATION_TEXT_SIZE] = "";
	const char *name = rules->sets[rule->set].name;
	bool named = strcmp(name, RULE_DEFAULT_SET) != 0;

	prefix_format(&rule->prefix, prefix);
	if (rule->expires != IPF_NEVER)
		duration_format(tick_seconds_left(rule->expires, preview->now), left);
	report_line(&preview->report, "%c %s %s%s%s%s%s", sign, verdict_name(rule->verdict), prefix,
		    left[0] ? " timeout " : "", left, named ? " # set " : "", named ? name : "");
}

static void print_difference(const struct rule *before, const struct rule *after, void *context)
{
	struct preview *preview = context;

	if (before)
		print_rule(preview, '-', preview->before, before);
	if (after)
		print_rule(preview, '+', preview->after, after);
	preview->removed += before != NULL;
	preview->added += after != NULL;
}

int preview_print(const char *ifname, const struct ruleset *before, const struct ruleset *after,
		  __u32 now, struct error *err)
{
	struct preview preview = { .before = before, .after = after, .now = now };
	size_t kept;

	report_init(&preview.report, REPORT_TEXT, stdout);
	if (ifname)
		report_line(&preview.report, "# %s", ifname);
	kept = diff_rulesets(before, after, print_difference, &preview);
	report_line(&preview.report, "%zu added, %zu removed, %zu kept", preview.added,
		    preview.removed, kept);
	return report_finish(&preview.report, err);
}
