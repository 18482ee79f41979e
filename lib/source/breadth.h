/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Do the rules of a set drop nearly everybody?
 *
 * Then a mistake at a source would lock the operator out of every host that follows it. The limit
 * is that of commands (GUARDS in the manual): less than a 256th of the addresses in use passes.
 *
 * Rules that go are not subtracted, so that a change costs what it changes: what is summed up is
 * never too little, and only where it reaches the limit are all rules looked at.
 */
#ifndef SOURCE_BREADTH_H
#define SOURCE_BREADTH_H

#include <ruleset/ruleset.h>
#include <stdbool.h>

/* Zeroed: no rules. */
struct breadth {
	/* To read: */
	bool is_too_wide;
	struct prefix widest; /* of those that drop, if it is */
	/* Private: */
	__u64 most[IPF_FAMILIES]; /* that may be dropped */
	bool has_changed;
};

/* There are no rules now. */
void breadth_restart(struct breadth *breadth);

/* The rule of a prefix has another verdict: of enum verdict; RECEIVER_REMOVED for no rule. A rule
 * that names no verdict counts as one that drops: with policy deny, write that it passes. */
void breadth_note(struct breadth *breadth, const struct prefix *prefix, __u8 before, __u8 after);

/* Are all rules to be looked at? If not, is_too_wide is right already. */
bool breadth_needs_look(struct breadth *breadth);
/* Would the rule count? If not, it need not be looked at. */
bool breadth_counts(const struct prefix *prefix, __u8 verdict);
/* These are those that count, by prefix_compare(). Changes their verdicts. */
void breadth_look(struct breadth *breadth, struct ruleset *rules);

#endif
