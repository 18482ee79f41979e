/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a program that keeps running wait for, and what ends it?
 *
 * One thread waits for descriptors and timers and calls back. A signal that ends programs
 * (signals.h) ends the loop between two callbacks: no handler runs, so none is missed and none
 * interrupts a callback.
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

/* Release with loop_done(). */
struct loop {
	struct pollfd *descriptors;
	size_t descriptor_capacity;
	struct loop_watch *watches; /* as many as descriptors: what each of them means */
	size_t watch_capacity;
	size_t count;
};

/* Holds the ending signals back from here on, also after loop_done(). Returns 0, or a negative
 * errno and sets *err; then there is nothing to release. */
int loop_init(struct loop *loop, struct error *err);
void loop_done(struct loop *loop);

/* Calls back each time the descriptor, which stays the caller's, can be read or its other end has
 * closed; the callback reads it. Returns 0, or a negative errno and sets *err. */
int loop_add(struct loop *loop, int fd, loop_callback call, void *context, struct error *err);

/* Calls back every interval (above 0), first after one interval. A late callback does not shift
 * those that follow; calls that were missed meanwhile are not made up for. Returns as
 * loop_add(). */
int loop_add_timer(struct loop *loop, uint64_t interval_ns, loop_callback call, void *context,
		   struct error *err);

/* Runs until a signal that ends programs comes (returns 0; it is checked before each round of
 * callbacks), or a callback returns another number than 0 (returns that). May be called again. */
int loop_run(struct loop *loop, struct error *err);

#endif
