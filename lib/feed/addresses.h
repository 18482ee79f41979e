/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which addresses does a list of visitors name?
 *
 * The first word of each line is an address, so that logs of servers can be read as they are. Blank
 * lines and lines that begin with # or ; are skipped.
 */
#ifndef FEED_ADDRESSES_H
#define FEED_ADDRESSES_H

#include <ruleset/address.h>
#include <stddef.h>
#include <stdio.h>

struct error;

/* Zeroed is empty; release with addresses_done(). */
struct addresses {
	struct address *items;
	size_t count;
	size_t capacity;
};
void addresses_done(struct addresses *addresses);

/* Both add to the addresses. They return 0; -EINVAL with "FILE:LINE:COLUMN: 'WORD': PROBLEM" or,
 * of an argument, "'WORD': PROBLEM"; -EIO or -ENOMEM with a message. */
int addresses_read(struct addresses *addresses, FILE *file, const char *name, struct error *err);
int addresses_argument(struct addresses *addresses, const char *text, struct error *err);

#endif
