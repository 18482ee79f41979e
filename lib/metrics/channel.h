/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do the two programs of the server say to each other?
 *
 * The one that speaks HTTP, which can do nothing else, says words of one byte: a page, or that it
 * is alive. The one that reads filters answers a page with a descriptor of its text, in memory that
 * cannot change, or with why there is none. Nothing else is understood.
 */
#ifndef METRICS_CHANNEL_H
#define METRICS_CHANNEL_H

#include <stddef.h>

struct error;

enum channel_word {
	CHANNEL_PROMETHEUS,  /* /metrics */
	CHANNEL_OPENMETRICS, /* the same for a client that prefers it */
	CHANNEL_PEOPLE,      /* / */
	CHANNEL_PAGES,       /* the number of pages */
	CHANNEL_ALIVE = CHANNEL_PAGES,
	CHANNEL_WORDS,
};

/* All return 0 unless they say otherwise, or a negative errno and set *err. */

/* ends[0] is for the program that reads filters, and never blocks. The caller closes both. */
int channel_open(int ends[2], struct error *err);

/* -- For the program that speaks HTTP ---------------------------------------------------------- */

/* Waits for the text of a page. Returns a descriptor of `*size` bytes, which the caller closes. */
int channel_ask(int end, enum channel_word page, size_t *size, struct error *err);
int channel_say_alive(int end, struct error *err);

/* -- For the program that reads filters, which trusts nothing that comes ----------------------- */

/* Reads the next word. Returns 1 with *out, 0: none has come; -EPIPE: the other end is closed;
 * -EPROTO: that was no word. */
int channel_read(int end, enum channel_word *out, struct error *err);
/* -EAGAIN: the other end does not read. */
int channel_answer(int end, int text, struct error *err);
int channel_refuse(int end, const char *why, struct error *err);

#endif
