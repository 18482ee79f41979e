/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do commands that change something wait for each other?
 *
 * In a queue of tickets (ticket.h), one queue for each network namespace: that is where interfaces
 * are, while a lock file may not be shared with a container or a chroot. First come, first served;
 * the kernel removes the ticket of a holder that dies. Commands that only read do not queue.
 *
 * A filter that moves to another network namespace can meet writers of both. What protects its
 * rules is the claim in its own memory (claim.h).
 */
#ifndef DATAPLANE_LOCK_H
#define DATAPLANE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* Sets how long lock_take() waits: 10 seconds by default; 0 does not wait at all. */
void lock_set_timeout(unsigned int seconds);

/* Returns a descriptor that holds the lock until it is closed, or a negative errno with a message;
 * that of -ETIMEDOUT names the process that holds the lock. With -v, logs that it waits. */
int lock_take(struct error *err);

/* The same, but hardly waits. */
int lock_try(struct error *err);

/* How long to go on trying something again. Zeroed at first. */
struct lock_patience {
	unsigned int tries;
	uint64_t end_ns;
};

/* Sleeps for a moment before the next try. False when the time is over, which lock_take() would
 * wait too, counted from the first call on. */
bool lock_pause(struct lock_patience *patience);

#endif
