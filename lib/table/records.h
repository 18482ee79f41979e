/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does one record of a table image say?
 */
#ifndef TABLE_RECORDS_H
#define TABLE_RECORDS_H

#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct image;
struct rule;

/* The records of an image, which are sorted as rules are, IPv4 first. */
struct records {
	const struct ipf_header *header;
	const struct ipf_rule4 *rules4;
	const struct ipf_rule6 *rules6;
	const struct ipf_timer *timers;
	const __u32 *counters;
	const __u64 *lows;
	const struct ipf_set *sets;
	size_t count[IPF_FAMILIES];
	bool are_marked; /* marks of regions may be among them */
};

/* The image must have data and outlive the records. Its header has passed image_check_header(). */
void records_of(const struct image *image, struct records *out);

/* Reads record number `i`, which there is. Returns NULL, or what is wrong with it: then *out is not
 * to be used. Looks at no other record. */
const char *records_read(const struct records *records, size_t i, struct rule *out);

/* Does the rule that was read mark a region? */
bool records_is_mark(const struct rule *rule);

#endif
