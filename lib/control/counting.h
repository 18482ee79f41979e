/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are counters named in a report?
 */
#ifndef CONTROL_COUNTING_H
#define CONTROL_COUNTING_H

#include <cli/report.h>
#include <ipfilter/abi.h>

/* The name of each total, by enum ipf_total: drop, pass, other, malformed. */
extern const char *const counting_names[IPF_TOTALS];

/* Adds the fields "packets" and "bytes" to the open row. */
void counting_describe(struct report *report, const struct ipf_counter *counter);

#endif
