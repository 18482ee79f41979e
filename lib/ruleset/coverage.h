/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many of the addresses in use do rules drop?
 *
 * The walk counts the addresses that packets on the internet come from: 1.0.0.0 to 223.255.255.255
 * without 10/8 and 127/8, and the blocks of 2000::/3 that IANA has given to the registries. A list
 * of bogons, which covers 7/8 of all IPv6 addresses, therefore weighs next to nothing, and half of
 * a family is half of the sources that might be locked out. The unit is 2^-64 of all addresses of
 * the family; prefixes longer than an IPv6 /64 do not count.
 */
#ifndef RULESET_COVERAGE_H
#define RULESET_COVERAGE_H

#include <ruleset/ruleset.h>
#include <stddef.h>

/* Of the family, and of the prefix. */
__u64 coverage_total(enum ipf_family family);
__u64 coverage_of(const struct prefix *prefix);

/* The share of one line's rules in coverage.dropped. */
struct coverage_line {
	__u32 origin; /* in: that of the line; not 0 */
	__u64 dropped;
};

/* What a change of rules does to a family. */
struct coverage {
	/* In: */
	enum ipf_family family;
	enum ipf_verdict policy;
	struct coverage_line *lines; /* whose share is asked for */
	size_t line_count;
	/* Out: */
	__u64 passed_before;
	__u64 passed_after;
	__u64 dropped; /* dropped after the change and not before it */
};

/* Compares two rule sets without ended rules (ruleset_tidy()), in one walk over both. */
void coverage_compare(struct coverage *coverage, const struct ruleset *before,
		      const struct ruleset *after);

#endif
