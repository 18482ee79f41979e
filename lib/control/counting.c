// SPDX-License-Identifier: GPL-2.0
/*
 * How are counters named in a report?
 */
#include <control/counting.h>

const char *const counting_names[IPF_TOTALS] = {
	[IPF_DROPPED] = "drop",
	[IPF_PASSED] = "pass",
	[IPF_OTHER] = "other",
	[IPF_MALFORMED] = "malformed",
};

void counting_describe(struct report *report, const struct ipf_counter *counter)
{
	report_number(report, "packets", "packets", counter->packets);
	report_number(report, "bytes", "bytes", counter->bytes);
}
