// SPDX-License-Identifier: GPL-2.0
/*
 * How is the table read that xdp-ipfilter-mmdb makes of a MaxMind DB file?
 *
 * The library for such files, and what it costs, stays in that program. A file is known by its
 * bytes (mmdb_file.h) before a line is read, so no line begins this format.
 */
#include <feed/format.h>

#include <feed/networks.h>

static bool begins(const char *text)
{
	(void)text;
	return false;
}

const struct format format_mmdb = {
	.begins = begins,
	.takes_where = true,
	.state_size = sizeof(struct networks),
	.read_line = networks_read_line,
	.finish = networks_finish,
};
