// SPDX-License-Identifier: GPL-2.0
/*
 * help: what does each command do?
 */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>

#include <util/error.h>

static const struct option_spec help_options[] = { OPTIONS_TABLE_END };

static int help(struct options *options, struct error *err)
{
	const struct command *command = NULL;
	int id;

	while ((id = options_next(options, err)) != OPTIONS_END) {
		if (id != OPTIONS_POSITIONAL)
			return id;
		if (command)
			return options_refuse(options, err, "one command at a time");
		command = command_find(&command_table, options->value, err);
		if (!command)
			return -EINVAL;
	}
	if (command)
		command_help(command, stdout);
	else
		command_table_help(&command_table, stdout);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain a command, or show all of them",
	.usage = "[COMMAND]",
	.options = help_options,
	.examples = "  xdp-ipfilter help load\n",
	.run = help,
};
