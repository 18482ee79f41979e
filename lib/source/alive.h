/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does sync see that a source program which runs on does not hang?
 *
 * It says so now and then, while it waits or transfers (stop.h, http.h): not from a thread of its
 * own, which would go on where the rest hangs.
 */
#ifndef SOURCE_ALIVE_H
#define SOURCE_ALIVE_H

#include <stdint.h>
#include <stdio.h>

#define ALIVE_EVERY_MS (5 * 1000)
/* One that has said nothing at all for so long hangs. */
#define ALIVE_SILENCE_MS (30 * 1000)

/* From now on, alive_beat() says it to `out`, where deliveries go. Before that, it does nothing. */
void alive_begin(FILE *out);

/* Called at least every ALIVE_EVERY_MS. Says it when it is time. */
void alive_beat(void);

/* How long a wait may be, of one that is to be `ms` (UINT64_MAX: for ever), until the next call. */
uint64_t alive_limit(uint64_t ms);

#endif
