/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are counters described in a report?
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <cli/report.h>
#include <ipfilter/abi.h>

/* What each total is called, by enum ipf_total: drop, pass, other, malformed. */
extern const char *const total_names[IPF_TOTALS];

/* packets and bytes, in the row that is open. */
void describe_counter(struct report *report, const struct ipf_counter *counter);

#endif
