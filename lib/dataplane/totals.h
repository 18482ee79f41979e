/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many packets did a filter drop and pass, in all?
 */
#ifndef DATAPLANE_TOTALS_H
#define DATAPLANE_TOTALS_H

#include <dataplane/filter.h>

struct error;

/* The totals of a filter, by enum ipf_total. */
struct totals {
	struct ipf_counter sum[IPF_TOTALS];        /* over all CPUs */
	unsigned int cpus;                         /* possible ones */
	struct ipf_counter (*per_cpu)[IPF_TOTALS]; /* `cpus` of them, on the heap */
};

/* Returns 0, or a negative errno with a message and *out unchanged. On success release *out with
 * totals_done(). */
int totals_read(const struct filter *filter, struct totals *out, struct error *err);
void totals_done(struct totals *totals); /* also of a zeroed one */

#endif
