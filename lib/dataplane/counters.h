/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many packets did each rule decide?
 */
#ifndef DATAPLANE_COUNTERS_H
#define DATAPLANE_COUNTERS_H

#include <dataplane/filter.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;

struct counter {
	struct ipf_counter sum; /* over all CPUs */
	bool counted;           /* false: the rule has no counter, and `sum` is zero */
};

/* Reads the counters of these rules, as table_read() gave them. On success *out has one item for
 * each rule, in the order of the rules, and is the caller's to free. Returns 0, or a negative errno
 * with a message. */
int counters_read(const struct filter *filter, const struct ruleset *rules, struct counter **out,
		  struct error *err);

#endif
