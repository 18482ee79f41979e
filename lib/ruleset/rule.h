/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a rule, and which of two comes first?
 */
#ifndef RULESET_RULE_H
#define RULESET_RULE_H

#include <ipfilter/abi.h>
#include <ruleset/prefix.h>

struct rule {
	struct prefix prefix;
	__u8 verdict;  /* enum ipf_verdict; of a rule just read, enum verdict */
	__u8 column;   /* in the line that it was read from, from 1; 0: not known, or too far */
	__u16 set;     /* index into the rule set's names */
	__u32 expires; /* tick of the kernel's boot clock, or IPF_NEVER */
	__u32 counter; /* slot, or IPF_NO_COUNTER while it has none */
	__u32 origin;  /* the line that it was read from, for messages; 0: not read */
};

#define RULE_DEFAULT_SET "default"

/* The order of a rule set (<ruleset/ruleset.h>): -1, 0, 1. */
int rule_compare(const struct rule *a, const struct rule *b);

#endif
