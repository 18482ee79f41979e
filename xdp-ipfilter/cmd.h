/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which commands are there? One file each, cmd_NAME.c.
 */
#ifndef CMD_H
#define CMD_H

#include <cli/command.h>

extern const struct command cmd_load;
extern const struct command cmd_run;
extern const struct command cmd_unload;
extern const struct command cmd_repair;
extern const struct command cmd_add;
extern const struct command cmd_del;
extern const struct command cmd_replace;
extern const struct command cmd_flush;
extern const struct command cmd_enforce;
extern const struct command cmd_confirm;
extern const struct command cmd_list;
extern const struct command cmd_test;
extern const struct command cmd_status;
extern const struct command cmd_poll;
extern const struct command cmd_watch;
extern const struct command cmd_top;
extern const struct command cmd_metrics;
extern const struct command cmd_sync;
extern const struct command cmd_help;

extern const struct command_table cmd_table;

#endif
