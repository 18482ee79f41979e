// SPDX-License-Identifier: GPL-2.0
/*
 * How is a table of networks with their countries or AS numbers read, as MaxMind, DB-IP and IPinfo
 * publish it?
 */
#include <feed/format.h>

#include <feed/networks.h>

const struct format format_csv = {
	.begins = networks_begins,
	.takes_where = true,
	.state_size = sizeof(struct networks),
	.read_line = networks_read_line,
	.finish = networks_finish,
};
