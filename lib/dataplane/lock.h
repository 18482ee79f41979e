/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do commands that change something wait for each other?
 *
 * In a queue of tickets (ticket.h), one for each network namespace: where the interfaces are, and
 * not in a file, which a container or a chroot may not share. First come, first served; the kernel
 * takes a ticket away when its holder dies. Readers do not queue.
 *
 * A filter that moves to another network namespace can meet writers of both. What protects its
 * rules is the claim in its own memory (table.h).
 */
#ifndef DATAPLANE_LOCK_H
#define DATAPLANE_LOCK_H

#include <stdbool.h>

struct error;

/* How long lock_take() waits: 10 seconds at first; 0 does not wait at all. */
void lock_set_timeout(unsigned int seconds);

/* Returns a descriptor that holds the lock until it is closed, or a negative errno; -ETIMEDOUT names
 * the process that holds it. Says with -v that it waits. */
int lock_take(struct error *err);

/* For what is tried again: how long lock_take() would wait, from the first call on. Sleeps for a
 * moment; false when the time is over. Zeroed at first. */
struct lock_patience {
	unsigned int tries;
	unsigned long long end_ns;
};
bool lock_pause(struct lock_patience *patience);

#endif
