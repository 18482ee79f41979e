/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rule decides once a rule has ended?
 *
 * Rules with the same prefix, in several sets, are peers: the first decides until it has ended,
 * then the first of them that drops. After both, the closest cover decides that has not ended by
 * then.
 */
#ifndef TABLE_SUCCESSION_H
#define TABLE_SUCCESSION_H

#include <ipfilter/abi.h>
#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>

struct succession {
	const struct rule *rules; /* of both families, sorted */
	struct ipf_timer *timers; /* one for each rule; NULL: no rule has a time */
};

/* As positions among the rules. */
struct succession_peers {
	bool is_region; /* there is the mark of a region before them */
	__u32 first;    /* IPF_NO_RULE: there is nothing but that mark */
	__u32 drop;     /* the first that drops, maybe `first` itself; IPF_NO_RULE: all pass */
	size_t end;     /* the one after the last */
};

/* The peers, with the mark of their region, that begin at `at`, of the rules before `end`. */
struct succession_peers succession_peers(const struct rule *rules, size_t at, size_t end);

/* Fills in `next` of the timers of one peer or more. `cover` is the rule that decides for their
 * closest cover, or IPF_NO_RULE. The cover is linked already, since covers come first. Peers that
 * never decide keep the `next` that they have. */
void succession_link(const struct succession *succession, const struct succession_peers *peers,
		     __u32 cover);

#endif
