/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How are options explained to the user?
 */
#ifndef CLI_OPTION_HELP_H
#define CLI_OPTION_HELP_H

#include <stdio.h>

struct options;

/* Prints the options, aligned and wrapped, with their choices, and with the defaults, which the
 * requests hold (NULL: all are zero). */
void option_help_print(const struct options *options, FILE *out);

#endif
