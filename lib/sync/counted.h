/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What have filters counted for a set?
 */
#ifndef SYNC_COUNTED_H
#define SYNC_COUNTED_H

#include <source/tally.h>

struct error;

/* Adds up what all filters that run have counted for this set. Returns 0, or a negative errno and
 * sets *err. Release with tally_done() in any case. */
int counted_read(const char *set, struct tally *out, struct error *err);

#endif
