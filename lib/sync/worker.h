/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a source program start and end?
 *
 * It gets its job on standard input and, as JOB_DESCRIPTOR, what was opened for it; it writes
 * deliveries to a pipe, and its errors to another one: none of its bytes reach a terminal unseen.
 * It inherits no other descriptor, no capability but those to become nobody, and of the environment
 * only proxies. It is in a process group of its own: what a terminal sends to us is not for it.
 */
#ifndef SYNC_WORKER_H
#define SYNC_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct job;

struct worker {
	pid_t pid;  /* 0: none runs */
	int pidfd;  /* readable when it has ended */
	int input;  /* its standard input; writing never blocks */
	int output; /* its deliveries; reading never blocks */
	int errors; /* its standard error: what libraries say; reading never blocks */
};
#define WORKER_NONE                                                   \
	{                                                             \
		.pidfd = -1, .input = -1, .output = -1, .errors = -1, \
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
