// SPDX-License-Identifier: GPL-2.0
/*
 * Which verdicts are there, and what does a rule without one get?
 */
#include <ruleset/verdict.h>

enum verdict verdict_opposite(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_PASS:
		return VERDICT_DROP;
	case VERDICT_DROP:
		return VERDICT_PASS;
	case VERDICT_BY_POLICY:
		return VERDICT_AS_POLICY;
	case VERDICT_AS_POLICY:
		break;
	}
	return VERDICT_BY_POLICY;
}

enum ipf_verdict verdict_under(enum verdict verdict, enum ipf_verdict policy)
{
	switch (verdict) {
	case VERDICT_PASS:
		return IPF_PASS;
	case VERDICT_DROP:
		return IPF_DROP;
	case VERDICT_BY_POLICY:
		return policy == IPF_PASS ? IPF_DROP : IPF_PASS;
	case VERDICT_AS_POLICY:
		break;
	}
	return policy;
}

void verdict_settle(struct rule *rule, __u16 set, enum ipf_verdict policy)
{
	rule->set = set;
	rule->verdict = (__u8)verdict_under(rule->verdict, policy);
}

const char *verdict_name(enum ipf_verdict verdict)
{
	return verdict == IPF_PASS ? "pass" : "drop";
}

const char *verdict_outcome(enum ipf_verdict verdict, bool observes)
{
	return observes && verdict == IPF_DROP ? "drop (passed)" : verdict_name(verdict);
}
