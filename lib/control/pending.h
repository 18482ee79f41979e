/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which change waits to be confirmed, and how is it answered?
 *
 * A process keeps what undoes it (confirm.h), and listens on an abstract socket. Such sockets are
 * of a network namespace, as interfaces are, and end with their process: there is no file.
 */
#ifndef CONTROL_PENDING_H
#define CONTROL_PENDING_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct error;

struct pending {
	pid_t pid;            /* of the process that waits; 0: no change does */
	uint64_t left_s;      /* 0: it is being undone */
	char command[16];     /* that made the change */
	char interfaces[512]; /* their names, with blanks between them */
};

/* What one sends to it. */
enum pending_verb {
	PENDING_ASK = '?',
	PENDING_CONFIRM = 'c',
	PENDING_REVERT = 'r',
};

/* Asks for it. Returns 0, also if there is none; or a negative errno and sets *err. */
int pending_read(struct pending *out, struct error *err);

/* Confirms or reverts it, and prints what the process has to say about that as warnings. *out is
 * what was there. Returns 0; -ENOENT with ERROR_ABSENT, there is none; -EBUSY, it is being undone
 * already; or another negative errno and sets *err. */
int pending_answer(enum pending_verb verb, struct pending *out, struct error *err);

/* --- For the process -------------------------------------------------------------------------- */

/* Takes the name of the socket. Returns its descriptor; -EADDRINUSE with a message that says how
 * much time the other change has left; or another negative errno and sets *err. */
int pending_take(struct error *err);

/* Accepts a client that may ask: one of the same user. Returns a descriptor with *verb, or a
 * negative errno. */
int pending_accept(int listener, enum pending_verb *verb);

/* Sends the answer to PENDING_ASK. */
void pending_tell(int client, const struct pending *pending);

/* Sends the answer to the others: it failed with this message, or is done (NULL); then lines of
 * remarks. */
void pending_finish(int client, const char *failure, const char *remarks);

#endif
