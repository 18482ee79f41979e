/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a source program get that asks for counters?
 *
 * What all filters have counted for its set (source/tally.h), through the pipe that is its standard
 * input, once a second at most, because to read them costs more than to ask. A program that does
 * not read its answer gets no other.
 */
#ifndef SYNC_ANSWERING_H
#define SYNC_ANSWERING_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct loop;

/* Zeroed: nothing was asked. */
struct answering {
	bool was_answered, asks; /* since the last tick; it asks again */
	struct loop *loop;       /* which sends the text, if there is one */
	int input;               /* where to; the caller's */
	char *text;
	size_t length, sent;
};

/* The program of a set asks. `input` must stay open until answering_stop(). Returns 0; or
 * a negative errno and sets *err: -EAGAIN, counters cannot be read now, and the program asks
 * again. */
int answering_take_question(struct answering *answering, const char *set, struct loop *loop,
			    int input, struct error *err);

/* A second has passed. Returns whether a question of that second is still open: take it now. */
bool answering_tick(struct answering *answering);

/* The program starts, or has ended: forgets its questions, and what was not sent. */
void answering_stop(struct answering *answering);

#endif
