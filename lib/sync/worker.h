/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a source program start and end?
 *
 * It gets its job on standard input and, as JOB_DESCRIPTOR, what was opened for it; it writes
 * deliveries to a pipe. <sandbox/child.h> says what else it gets. Of the environment, it inherits
 * only proxies.
 */
#ifndef SYNC_WORKER_H
#define SYNC_WORKER_H

#include <sandbox/child.h>
#include <stdbool.h>

struct error;
struct job;

struct worker {
	struct child child;
	int input;  /* its standard input; writing never blocks */
	int output; /* its deliveries; reading never blocks */
};
#define WORKER_NONE                                             \
	{                                                       \
		.child = CHILD_NONE, .input = -1, .output = -1, \
	}

/* Starts one; `name` is what it is for, and is seen in lists of processes. `descriptor` stays the
 * caller's; -1: none. Returns 0, or a negative errno and sets *err with *out unchanged. */
int worker_start(const char *name, const struct job *job, int descriptor, struct worker *out,
		 struct error *err);

/* Ends it at once, and whatever it started. */
void worker_kill(const struct worker *worker);

/* It has ended: releases all. Sets *err to how, if it was not by itself with success. Returns
 * whether it was. */
bool worker_reap(struct worker *worker, struct error *err);

#endif
