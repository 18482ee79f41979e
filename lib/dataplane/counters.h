/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has been counted?
 */
#ifndef DATAPLANE_COUNTERS_H
#define DATAPLANE_COUNTERS_H

#include <dataplane/filter.h>
#include <ruleset/ruleset.h>

struct error;

struct totals {
	struct ipf_counter sum[IPF_TOTALS];
	unsigned int cpus;                         /* possible ones */
	struct ipf_counter (*per_cpu)[IPF_TOTALS]; /* `cpus` of them, on the heap */
};
int totals_read(const struct filter *filter, struct totals *out, struct error *err);
void totals_done(struct totals *totals);

/* The counters of each rule of the set, summed over CPUs, in the set's order; *out has rules->count
 * items and is the caller's to free. *counted (as long) tells which are counted at all. */
int rule_counters_read(const struct filter *filter, const struct ruleset *rules,
		       struct ipf_counter **out, bool **counted, struct error *err);

#endif
