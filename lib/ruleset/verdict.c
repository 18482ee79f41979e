// SPDX-License-Identifier: GPL-2.0
/*
 * Which verdicts are there, and what does a rule without one get?
 */
#include <ruleset/verdict.h>

const char *verdict_name(enum ipf_verdict verdict)
{
	return verdict == IPF_PASS ? "pass" : "drop";
}

enum ipf_verdict verdict_opposite(enum ipf_verdict verdict)
{
	switch (verdict) {
	case IPF_PASS:
		return IPF_DROP;
	case IPF_DROP:
		return IPF_PASS;
	default:
		return verdict == VERDICT_BY_POLICY ? VERDICT_AS_POLICY : VERDICT_BY_POLICY;
	}
}

enum ipf_verdict verdict_under(enum ipf_verdict verdict, enum ipf_verdict policy)
{
	if (verdict == VERDICT_BY_POLICY)
		return verdict_opposite(policy);
	return verdict == VERDICT_AS_POLICY ? policy : verdict;
}
