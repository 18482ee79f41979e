// SPDX-License-Identifier: GPL-2.0
/*
 * What is a rule, and which of two comes first?
 */
#include <ruleset/rule.h>

static int compare_ends(__u32 a, __u32 b)
{
	if (a == b)
		return 0;
	if (a == IPF_NEVER || b == IPF_NEVER)
		return a == IPF_NEVER ? -1 : 1;
	return a > b ? -1 : 1;
}

/* What marks a region (<ipfilter/abi.h>) comes before the rules of its prefix, then pass. */
static int verdict_rank(__u8 verdict)
{
	return verdict == IPF_NO_VERDICT ? -1 : verdict;
}

int rule_compare(const struct rule *a, const struct rule *b)
{
	int order = prefix_compare(&a->prefix, &b->prefix);

	if (order)
		return order;
	if (a->verdict != b->verdict)
		return verdict_rank(a->verdict) - verdict_rank(b->verdict);
	order = compare_ends(a->expires, b->expires);
	return order ? order : (a->set > b->set) - (a->set < b->set);
}
