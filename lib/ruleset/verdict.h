/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which verdicts are there, and what does a rule without one get?
 */
#ifndef RULESET_VERDICT_H
#define RULESET_VERDICT_H

#include <ipfilter/abi.h>
#include <ruleset/rule.h>
#include <stdbool.h>

/* What a line that was read asks for. One that names no verdict gets the opposite of the policy of
 * each interface, and an exception from it gets the policy. The numbers of the last two are not in
 * enum ipf_verdict, so they cannot be mistaken for one. */
enum verdict {
	VERDICT_PASS = IPF_PASS,
	VERDICT_DROP = IPF_DROP,
	VERDICT_BY_POLICY = 0xf0,
	VERDICT_AS_POLICY,
};

enum verdict verdict_opposite(enum verdict verdict);
enum ipf_verdict verdict_under(enum verdict verdict, enum ipf_verdict policy);

/* Makes a rule that was read one of a filter with this policy: it has a verdict, and is in the set
 * of this number there. */
void verdict_settle(struct rule *rule, __u16 set, enum ipf_verdict policy);

const char *verdict_name(enum ipf_verdict verdict); /* "pass", "drop" */

/* What becomes of a packet, for people: of a filter that only observes, "drop (passed)". */
const char *verdict_outcome(enum ipf_verdict verdict, bool observes);

#endif
