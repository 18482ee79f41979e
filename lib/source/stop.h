/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does a source program end?
 *
 * When sync closes its standard input, or has died.
 */
#ifndef SOURCE_STOP_H
#define SOURCE_STOP_H

#include <stdbool.h>
#include <stdint.h>

/* Is it to end now? Does not wait, and reads nothing. */
bool stop_asked(void);

/* Waits as long as that, or until it is to end: then returns true. */
bool stop_wait(uint64_t ms);

/* Waits until `fd` can be read (true in *readable), for `ms` at most (UINT64_MAX: for ever), or
 * until the program is to end: then returns true. */
bool stop_wait_for(int fd, uint64_t ms, bool *readable);

#endif
