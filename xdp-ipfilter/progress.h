/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is an operator shown while a long list is loaded?
 *
 * One line on stderr, written over again and again and gone at the end; only where stderr is a
 * terminal, and only when it takes longer than a second. Not with -v, whose lines it would mix with.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stddef.h>

/* "drop.txt: 420,000 lines read". Call it as often as you like; the first call starts the clock. */
void progress_lines(const char *name, size_t lines);

/* "eth0: making 1,000,000 rules live" */
void progress_rules(const char *ifname, size_t rules);

/* Before anything else is said. */
void progress_erase(void);

#endif
