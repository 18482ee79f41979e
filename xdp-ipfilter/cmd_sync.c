// SPDX-License-Identifier: GPL-2.0
/*
 * sync: which program follows sources?
 */
#include "cmd.h"

const struct command cmd_sync = {
	.name = "sync",
	.summary = "keep sets equal to files, URLs and other sources",
	.program = "xdp-ipfilter-sync",
};
