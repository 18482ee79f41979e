/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules that a command is given, in files and arguments, become one input?
 */
#ifndef RULE_INPUT_H
#define RULE_INPUT_H

#include <cli/options.h>
#include <feed/input.h>

struct error;

/* Reads the files ("-" is standard input), then the rules, into the input, whose first members are
 * set. Gives one warning for all rules whose host bits were cleared; with -v, names the format of
 * each file. Returns 0, ERROR_USAGE for bad input, or another negative errno with a message. */
int rule_input_read(struct input *input, const struct option_texts *files,
		    const struct option_texts *rules, struct error *err);

#endif
