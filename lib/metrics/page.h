/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do people see of the filters in a browser?
 *
 * One page of HTML that needs nothing else and changes nothing. It asks again by itself.
 */
#ifndef METRICS_PAGE_H
#define METRICS_PAGE_H

#include <ipfilter/abi.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct facts;
struct heaviest;
struct page_totals;

/* What the last page showed, for rates. Zeroed: there was none. Release with page_past_done(). */
struct page_past {
	struct page_totals *items;
	size_t count;
};
void page_past_done(struct page_past *past);

/* Writes the page, with rates since the last one, and remembers its counters. */
void page_write(const struct facts *facts, const struct heaviest *heaviest, struct page_past *past,
		FILE *out);

#endif
