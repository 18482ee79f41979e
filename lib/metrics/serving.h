/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is the program that speaks HTTP kept at work?
 *
 * xdp-ipfilter-http (server.h) is nobody, without any capability; it can only ask for pages
 * (channel.h). It gets the socket that clients are waited for on, and finished texts. One that
 * ends, says what is no word, or is not heard for SERVING_SILENCE_MS is replaced, later and later;
 * clients wait in the socket meanwhile. One that asks too often waits for the next second.
 */
#ifndef METRICS_SERVING_H
#define METRICS_SERVING_H

#include <metrics/texts.h>
#include <util/loop.h>

struct error;

#define SERVING_SILENCE_MS 15000
#define SERVING_ANSWERS 2000 /* in a second */

/* Is that program installed? Returns 0, or a negative errno and sets *err to what is missing. */
int serving_check(struct error *err);

/* What pages are made of, and what is done meanwhile. */
struct serving_pages {
	texts_write write;
	int fd; /* read is called when it can be read, as by loop_add() */
	loop_callback read;
	void *context; /* of both */
};

/* Has clients of this socket, which stays the caller's, answered until a signal ends it. Says so to
 * systemd. Returns 0, or a negative errno and sets *err: also if the program cannot even begin. */
int serving_run(int listener, const struct serving_pages *pages, struct error *err);

#endif
