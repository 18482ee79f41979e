/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a program of ours that controls filters start, and how does it end?
 */
#ifndef CONTROL_TOOL_H
#define CONTROL_TOOL_H

#include <cli/command.h>

/* The clock by which rules end; in command.needs, beside enum capability_need. */
#define TOOL_NEEDS_CLOCK (1u << 31)
/* It may start a process that must not be killed where memory runs out (--confirm). */
#define TOOL_NEEDS_KEEPER (1u << 30)

/* The steps of such a program's command table. */
#define TOOL_STEPS                                                                           \
	.start = tool_start, .ready = tool_ready, .set_lock_timeout = tool_set_lock_timeout, \
	.take_lock = tool_take_lock
int tool_start(unsigned int needs, struct error *err);
int tool_ready(unsigned int needs, struct error *err);
void tool_set_lock_timeout(unsigned int seconds);
int tool_take_lock(struct error *err);

/* All of main(): runs the command that argv names. Prints the message of a failure, once, and
 * flushes the output before that: output that could not be written is a failure too. Returns the
 * exit code, which is made here only. */
int tool_main(const struct command_table *table, int argc, char **argv);

#endif
