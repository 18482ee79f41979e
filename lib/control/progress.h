/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does an operator see while a long list is loaded?
 *
 * One line on stderr, which is rewritten again and again and erased at the end. It appears after a
 * second, only on a terminal, and not with -v, whose lines it would mix with.
 */
#ifndef CONTROL_PROGRESS_H
#define CONTROL_PROGRESS_H

#include <stddef.h>

/* "drop.txt: 420,000 lines read". Call it as often as you like: few calls print, and none in the
 * first second after the first call. */
void progress_lines(const char *name, size_t lines);

/* "eth0: making 1,000,000 rules live" */
void progress_rules(const char *ifname, size_t rules);

/* Erases the line. Call it before anything else is printed. */
void progress_erase(void);

#endif
