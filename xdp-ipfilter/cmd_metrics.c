// SPDX-License-Identifier: GPL-2.0
/*
 * metrics: which program tells Prometheus about the filters?
 */
#include "cmd.h"

const struct command cmd_metrics = {
	.name = "metrics",
	.summary = "tell Prometheus counters and states",
	.program = "xdp-ipfilter-metrics",
};
