/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which commands are there? One file each, cmd_NAME.c.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <cli/command.h>

extern const struct command load_command;
extern const struct command run_command;
extern const struct command unload_command;
extern const struct command repair_command;
extern const struct command add_command;
extern const struct command del_command;
extern const struct command replace_command;
extern const struct command flush_command;
extern const struct command list_command;
extern const struct command test_command;
extern const struct command status_command;
extern const struct command poll_command;
extern const struct command help_command;

extern const struct command_table command_table;

#endif
