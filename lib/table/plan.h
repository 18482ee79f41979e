/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long is a family's index, and which words does it cover?
 */
#ifndef TABLE_PLAN_H
#define TABLE_PLAN_H

#include <ipfilter/abi.h>
#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>

/* Chooses the index for `count` sorted rules of one family: one to two buckets for each rule,
 * because more of them make shorter runs, until they outgrow the caches. `owned`: points tell
 * packets which rule decides. Sets rule_count, first, max_distance, bucket_shift and point_shift,
 * and zeroes the other fields. */
void plan_index(const struct rule *rules, size_t count, bool owned, struct ipf_space *space);

/* Chooses the index for `count` intervals, more than a run may have, of the words [first, last].
 * Sets first, max_distance and bucket_shift, and zeroes the other fields. */
void plan_range(__u32 first, __u32 last, size_t count, struct ipf_space *space);

/* Doubles the size of the buckets, which about halves their number. The plan has two or more. */
void plan_coarsen(struct ipf_space *space);

#endif
