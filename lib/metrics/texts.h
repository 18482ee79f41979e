/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is the text of a page now?
 *
 * However often a page is asked for, its text is made once a second at most: a flood of requests
 * reads no filter more often than that.
 */
#ifndef METRICS_TEXTS_H
#define METRICS_TEXTS_H

#include <metrics/channel.h>
#include <stdint.h>
#include <stdio.h>
#include <util/error.h>

#define TEXTS_KEEP_MS 1000

/* Writes a page. Returns 0, or a negative errno and sets *err. */
typedef int (*texts_write)(void *context, enum channel_word page, FILE *out, struct error *err);

struct text {
	int fd;           /* in memory that cannot change; or a negative errno, with: */
	struct error err; /* why there is none */
	uint64_t made_ms; /* 0: never */
};

struct texts {
	texts_write write;
	void *context;
	struct text items[CHANNEL_PAGES];
};

/* Begins without texts. */
void texts_init(struct texts *texts, texts_write write, void *context);
void texts_done(struct texts *texts);

/* Returns a descriptor, which stays the texts' and is valid until the next call; or a negative
 * errno and sets *err. Warns of a failure when it begins. */
int texts_get(struct texts *texts, enum channel_word page, struct error *err);

#endif
