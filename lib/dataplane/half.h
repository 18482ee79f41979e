/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is a table in a filter's maps?
 *
 * In one of two halves. Generations alternate between them, so the next table is built beside the
 * live one. Of each half the root holds the header, the head the first bytes of the body, and
 * chunks the rest: each a map of its own in a slot (slots.h).
 *
 * Invariants:
 * - the chunks of a table fill the slots of its half without a gap, from the first one after the
 *   head on;
 * - the bytes of a half never change while its table is live, nor before the last packet that uses
 *   it is done; the bytes of a chunk never change at all.
 */
#ifndef DATAPLANE_HALF_H
#define DATAPLANE_HALF_H

#include <dataplane/filter.h>
#include <table/image.h>

struct half {
	const struct filter *filter;
	struct ipf_root *root;   /* the filter's, mapped to read or, to write a table, to write */
	struct ipf_slots *slots; /* likewise; half_read() does not need it */
	__u32 generation;        /* of the table: its lowest bit tells which half it is */
};

/* Writes the image into this half, which must be empty and not be live. Returns 0, or a negative
 * errno with some of it written: then half_empty() it. */
int half_write(const struct half *half, const struct image *image);

/* Takes all chunks out of this half, also those that a killed command left. Returns 0, or a
 * negative errno with some left for the next command. */
int half_empty(const struct half *half);

/* Reads the image as far as it is there. If the table was live all the time, it is whole; it still
 * must pass image_check(). On success *out owns memory: image_done(). -EBADMSG: there is no header,
 * or there is less than it says; *out is empty then. */
int half_read(const struct half *half, struct image *out);

#endif
