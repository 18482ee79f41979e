/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which verdicts are there, and what does a rule without one get?
 */
#ifndef RULESET_VERDICT_H
#define RULESET_VERDICT_H

#include <ipfilter/abi.h>

const char *verdict_name(enum ipf_verdict verdict); /* "pass", "drop" */

/* What was read and names no verdict gets one by the policy of each interface: its opposite, or for
 * an exception the policy itself. Until then these stand for it. */
#define VERDICT_BY_POLICY ((enum ipf_verdict)2)
#define VERDICT_AS_POLICY ((enum ipf_verdict)3)
enum ipf_verdict verdict_opposite(enum ipf_verdict verdict); /* of those two, the other one */
enum ipf_verdict verdict_under(enum ipf_verdict verdict, enum ipf_verdict policy);

#endif
