// SPDX-License-Identifier: GPL-2.0
/*
 * Which commands does the tool have?
 */
#include <control/tool.h>

#include "cmd.h"

static const struct command *const commands[] = {
	&cmd_load,  &cmd_run,     &cmd_unload,  &cmd_repair, &cmd_add,  &cmd_del,    &cmd_replace,
	&cmd_flush, &cmd_enforce, &cmd_confirm, &cmd_list,   &cmd_test, &cmd_status, &cmd_poll,
	&cmd_watch, &cmd_top,     &cmd_metrics, &cmd_sync,   &cmd_help, NULL,
};

const struct command_table cmd_table = {
	.version = XDP_IPFILTER_VERSION,
	.summary =
		"Drops or passes packets by their source address, in XDP, before they reach the\n"
		"kernel's network stack.",
	.commands = commands,
	TOOL_STEPS,
};

int main(int argc, char **argv)
{
	return tool_main(&cmd_table, argc, argv);
}
