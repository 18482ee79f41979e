/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a program without privileges start and end?
 *
 * It writes its errors to a pipe: none of its bytes reach a terminal unseen. It inherits no
 * descriptor but those that it is given, no capability but those to become nobody (sandbox.h), and
 * no variable but those that it is given. It is in a process group of its own: what a terminal
 * sends to us is not for it.
 */
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

/* The descriptor after the standard ones: something that was opened for the program. */
#define CHILD_DESCRIPTOR 3

/* What to run. All stays the caller's. */
struct child_plan {
	const char *path;
	const char *argument; /* seen in lists of processes; NULL: none */
	char *const *environment;
	int input, output; /* its standard input and output */
	int descriptor;    /* CHILD_DESCRIPTOR; -1: none */
};

struct child {
	pid_t pid;  /* 0: none runs */
	int pidfd;  /* readable when it has ended */
	int errors; /* its standard error: what libraries say; reading never blocks */
};
#define CHILD_NONE                         \
	{                                  \
		.pidfd = -1, .errors = -1, \
	}

/* Returns 0, or a negative errno and sets *err with *out unchanged. */
int child_start(const struct child_plan *plan, struct child *out, struct error *err);

/* Ends it at once, and whatever it started. Needs CAP_KILL. */
void child_kill(const struct child *child);

/* It has ended: releases all. Sets *err to how, if it was not by itself with success; `program` is
 * its name. Returns whether it was. */
bool child_reap(struct child *child, const char *program, struct error *err);

#endif
