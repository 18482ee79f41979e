/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which table of a filter do packets use, and who may replace it?
 *
 * One 64-bit word of the filter's root (ipf_root.generation) answers both: the generation of the
 * live table, and the claim of the command that works on the next one. It only changes by
 * compare-and-swap. A command claims the filter before it builds a table; that fails if another
 * table is live by now than the one it read, or if another command is at work. Publishing makes the
 * new table live; that fails if the claim is lost. So two writers never harm each other, whether
 * they share a lock or not.
 *
 * A claim is the id of a ticket (ticket.h), so it ends with its holder. A number that is no ticket,
 * in memory that another program overwrote, counts as ended too.
 */
#ifndef DATAPLANE_CLAIM_H
#define DATAPLANE_CLAIM_H

#include <dataplane/filter.h>
#include <stdbool.h>

struct error;

struct claim {
	const struct filter *filter;
	struct ipf_root *root; /* the filter's, mapped to write */
	__u32 live;            /* generation of the live table; ours once it is published */
	__u32 id;              /* by which the root knows us: that of the ticket */
	int ticket;            /* holds the claim while it is open */
	int barrier;           /* a map, needed to wait for packets */
};

/* What is new of a table. */
enum claim_step {
	CLAIM_BASE,     /* its base, in the half that the old one is not in; it has no delta */
	CLAIM_DELTA,    /* its delta, in the half that the old one is not in */
	CLAIM_NO_DELTA, /* its delta has gone, and the base is the whole table again */
};

/* The generation that follows `live`. */
__u32 claim_next(__u32 live, enum claim_step step);

/* The generation of the table that packets use now. An acquire load: what is read of that table
 * afterwards is at least as new. */
__u32 claim_live(const struct ipf_root *root);

/* Claims the filter, whose live table must be that of generation `live`. Returns 0, -EAGAIN
 * (another table is live), -EBUSY (another process holds the claim, which the message names) or
 * another negative errno, with a message. On success claim_release() must follow; `filter` must
 * stay open until then. */
int claim_take(const struct filter *filter, __u32 live, struct claim *out, struct error *err);

/* Do we still hold the claim? If another program overwrote it, another command may own the other
 * half by now. */
bool claim_is_held(const struct claim *claim);

/* Makes the next table live, whole, for every packet that arrives from now on; `next` comes from
 * claim_next(). Returns 0, or -EAGAIN with a message when the claim was lost. */
int claim_publish(struct claim *claim, __u32 next, struct error *err);

/* Is the table of generation `live` still live? What was read of it before this call is whole then.
 * Returns 0, or -EAGAIN with a message. */
int claim_check_live(const struct ipf_root *root, __u32 live, struct error *err);

/* Is it known that no packet uses a table older than the live one? Not if the command that
 * published it was killed, or could not wait. */
bool claim_is_settled(const struct claim *claim);

/* Waits until no packet uses a table older than the live one, and notes it in the root. Returns 0
 * or a negative errno. */
int claim_wait(const struct claim *claim);

/* Notes the same without waiting, for a filter that no packet reaches yet. */
void claim_settle(const struct claim *claim);

/* Gives the claim up, if we still hold it, and releases what `claim` owns. */
void claim_release(struct claim *claim);

#endif
