/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is a table in a filter's maps?
 *
 * In one of two halves; the next table is built in the other one. Of each half the root holds the
 * header, the head the first bytes of the body, and chunks the rest: each a map of its own in a
 * slot (slots.h). The last slot of each half is for the body of a delta, whose header is in the
 * root too. Bases and deltas change halves independently of each other.
 *
 * Invariants:
 * - the chunks of a base fill the slots of its half without a gap, from the first one after the
 *   head on;
 * - the bytes of a table never change while it is live, nor before the last packet that uses it is
 *   done; the bytes of a base's chunk never change at all;
 * - only the bytes of a delta's chunk, which stays in its slot, are written again, so that a small
 *   change changes no slot. Whoever reads them copies them, and then looks whether the same table
 *   is still live. The chunks are there if the live base is large enough for deltas
 *   (HALF_DELTA_RULES).
 */
#ifndef DATAPLANE_HALF_H
#define DATAPLANE_HALF_H

#include <dataplane/filter.h>
#include <stdbool.h>
#include <table/image.h>

/* A base of fewer rules has no delta: to compile it anew costs less than the start of a command. */
#define HALF_DELTA_RULES 4096u

/* One table of a filter. */
struct half {
	const struct filter *filter;
	struct ipf_root *root;   /* the filter's, mapped to read or, to write a table, to write */
	struct ipf_slots *slots; /* likewise; half_read() does not need it */
	__u32 table;             /* its number, below IPF_TABLES */
};

/* The numbers of the base and of the delta that a generation makes live. */
static inline __u32 half_base(__u32 generation)
{
	return generation & IPF_GENERATION_BASE ? 1 : 0;
}
static inline __u32 half_delta(__u32 generation)
{
	return IPF_TABLE_DELTA | (generation & IPF_GENERATION_DELTA ? 1 : 0);
}

/* Writes the image of a base into this half, which must be empty and not be live; puts chunks for
 * deltas into both halves, if it is large and they are missing. Returns 0, or a negative errno with
 * some of it written: then half_empty() it. */
int half_write_base(const struct half *half, const struct image *image);

/* Writes the image of a delta, which must not be live. Returns 0; -ENOENT if the half has no chunk
 * for it; or another negative errno. */
int half_write_delta(const struct half *half, const struct image *image);

/* Is the base that this generation makes live large enough for deltas? And has either half a chunk
 * for one? */
bool half_is_large(const struct ipf_root *root, __u32 generation);
bool half_has_delta_chunks(const struct ipf_slots *slots);

/* Takes all chunks of the base out of this half, also those that a killed command left; if the live
 * base is too small for deltas, the chunks for those out of both halves. Returns 0, or a negative
 * errno with some left for the next command. */
int half_empty(const struct half *half);

/* Reads the image as far as it is there. If the table was live all the time, it is whole; it still
 * must pass image_check(). On success *out owns memory: image_done(). -EBADMSG: there is no header,
 * or there is less than it says; *out is empty then. */
int half_read(const struct half *half, struct image *out);

/* A base, of which only what is needed is read. */
struct half_part {
	struct half half;
	struct image image; /* of what was not needed yet, the bytes are zero */
	bool *is_there;     /* for each window of the image */
};

/* Reads the header of a base, which must have rules and pass image_check_header() then. The root
 * and the slots of `half` must stay. Returns as half_read() does; release with half_part_done(). */
int half_part_open(const struct half *half, struct half_part *out);
void half_part_done(struct half_part *part);

/* Reads these bytes of the body, which are in the image. Returns 0; -EBADMSG if their chunk is
 * missing; or another negative errno. */
int half_part_need(const struct half_part *part, __u64 offset, __u64 size);

#endif
