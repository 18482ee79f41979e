/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of a family cut its addresses into runs of points, and which rule follows which?
 *
 * The result is what <ipfilter/lookup.h> walks; image.c puts it into the table image.
 */
#ifndef TABLE_COMPILE_H
#define TABLE_COMPILE_H

#include <ipfilter/abi.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>

/* Chooses the index for the rules [at, end), which are all of one family: one to two groups for a
 * rule, since more make shorter runs, until they no longer fit into the caches. `owned`: packets ask
 * which rule decides. Writes rule_count, first, span, shift and point_shift, and zero to the rest. */
void cut_plan(const struct ruleset *set, size_t at, size_t end, bool owned,
	      struct ipf_space *space);

/* Makes the index about half as long, its groups twice as large: struct ipf_space of cut_plan(), whose
 * index has two groups or more. */
void cut_coarsen(struct ipf_space *space);

struct cut {
	struct ipf_space space; /* the plan, and point_count */
	struct ipf_bucket *groups;
	ipf_point4 *points4;
	__u32 *owners; /* of each point of IPv4; NULL unless packets ask */
	struct ipf_point6 *points6;
	size_t capacity; /* of points and owners */
};

/* Cuts the rules by that plan, as ruleset.h sorts them. `owned` as for cut_plan(). `points`: the
 * offset at which the points will lie in the image, for runs must not lie across chunks. With timers
 * (one for each rule of the set, expires filled in, next IPF_NO_RULE) links each to who decides once
 * it has ended. Returns 0, -ENOMEM, or -E2BIG beyond what a reference can number; release *out with
 * cut_done() in any case. */
int cut_rules(const struct ruleset *set, size_t at, size_t end, bool owned,
	      const struct ipf_space *space, __u64 points, struct ipf_timer *timers,
	      struct cut *out);
void cut_done(struct cut *cut);

#endif
