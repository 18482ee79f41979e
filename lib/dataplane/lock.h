/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do commands that change something wait for each other?
 *
 * By flock(2) on one file that is never removed; the kernel lets go of it when its holder dies.
 * Readers do not take it.
 */
#ifndef DATAPLANE_LOCK_H
#define DATAPLANE_LOCK_H

struct error;

#define LOCK_PATH "/run/xdp-ipfilter.lock"

/* How long lock_take() waits: 10 seconds at first; 0 does not wait at all. */
void lock_set_timeout(unsigned int seconds);

/* Returns a descriptor that holds the lock until it is closed, or a negative errno; -ETIMEDOUT names
 * the process that holds it. Says with -v that it waits. Uses SIGALRM while it does. */
int lock_take(struct error *err);

#endif
