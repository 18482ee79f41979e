/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of the addresses that are in use do rules drop?
 *
 * Counted is what packets on the internet come from: of IPv4 1.0.0.0 to 223.255.255.255 without 10/8
 * and 127/8, of IPv6 the blocks of 2000::/3 that IANA gave to the registries. So a list of bogons, which
 * covers 7/8 of all IPv6 addresses, weighs next to nothing, and half of a family means half of those
 * that might be locked out. An amount is in 2^-64ths of all addresses of the family; what is
 * smaller than an IPv6 /64 does not count.
 */
#ifndef RULESET_COVERAGE_H
#define RULESET_COVERAGE_H

#include <ruleset/ruleset.h>
#include <stddef.h>

__u64 coverage_total(enum ipf_family family);
__u64 coverage_of(const struct prefix *prefix);

/* What a change of rules does. */
struct coverage {
	__u64 passed_before;
	__u64 passed_after;
	__u64 dropped; /* after it and not before */
};

/* What of ->dropped the rules of one line decide. */
struct coverage_line {
	__u32 origin; /* In; not 0 */
	__u64 dropped;
};

/* Compares two rule sets under one policy, in one walk over both. Rules that have ended must be out of
 * them (ruleset_tidy()). `lines`: those whose share is asked for, may be none. */
void coverage_compare(const struct ruleset *before, const struct ruleset *after,
		      enum ipf_family family, enum ipf_verdict policy, struct coverage_line *lines,
		      size_t line_count, struct coverage *out);

#endif
