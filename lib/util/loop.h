/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a program that keeps running wait for?
 *
 * The loop waits for descriptors and timers, in one thread, and calls back for each that is ready.
 * Signals are read from a descriptor too (signals.h), so none interrupts a callback.
 */
#ifndef UTIL_LOOP_H
#define UTIL_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct loop_watch;
struct pollfd;

/* Returns 0 to go on. Any other number ends the loop: a negative errno sets *err. */
typedef int (*loop_callback)(void *context, struct error *err);

/* Zeroed is empty; release with loop_done(). */
struct loop {
	struct pollfd *descriptors;
	size_t descriptor_capacity;
	struct loop_watch *watches; /* one for each descriptor: what it means */
	size_t watch_capacity;
	size_t count;
	loop_callback after; /* NULL: none */
	void *after_context;
};
void loop_done(struct loop *loop);

/* Callbacks that are due at the same time are called in the order in which they were added. They
 * return 0, or a negative errno and set *err with nothing added. A callback may call
 * them. */

/* Calls back each time the descriptor, which stays the caller's, can be read or its other end was
 * closed. The callback reads it. */
int loop_add(struct loop *loop, int fd, loop_callback call, void *context, struct error *err);

/* Calls back each time the descriptor can be written to, or its other end was closed. */
int loop_add_output(struct loop *loop, int fd, loop_callback call, void *context,
		    struct error *err);

/* Calls back no more for this descriptor; call it before the descriptor is closed. A callback may
 * call this for any descriptor, its own too. Without effect where it was not added. */
void loop_remove(struct loop *loop, int fd);

/* Calls back every interval (above 0), first after one interval. A late callback does not shift
 * later ones. Missed calls are not made up for. */
int loop_add_timer(struct loop *loop, uint64_t interval_ns, loop_callback call, void *context,
		   struct error *err);

/* Calls this back once after those that were due at the same time. */
void loop_set_after(struct loop *loop, loop_callback call, void *context);

/* Runs until a callback returns a number other than 0, and returns that number. If it cannot wait,
 * returns a negative errno and sets *err. May be called again. */
int loop_run(struct loop *loop, struct error *err);

#endif
