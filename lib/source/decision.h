/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does an answer of CrowdSec's local API say?
 *
 * It lists decisions that are new and decisions that were deleted or have ended. Only bans of
 * addresses and ranges matter here; all else in an answer is skipped, also what later versions of
 * the API add.
 */
#ifndef SOURCE_DECISION_H
#define SOURCE_DECISION_H

#include <linux/types.h>
#include <ruleset/prefix.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Where decisions come from, as CrowdSec counts them: "crowdsec", "cscli", "CAPI",
 * "lists:NAME". Zeroed is empty; release with decision_origins_done(). */
#define DECISION_MAX_ORIGINS 256
struct decision_origins {
	char *names[DECISION_MAX_ORIGINS]; /* the last one stands for all that find no room */
	size_t count;
};
void decision_origins_done(struct decision_origins *origins);

struct decision {
	char *owner;                 /* "SCOPE TYPE VALUE": one that is extended keeps it */
	struct prefix_list prefixes; /* what it bans: one or more */
	int64_t left_ns;             /* until it ends, from the answer on; 0 of a deleted one */
	__u32 origin;                /* index into the origins */
};

struct decision_list {
	struct decision *items;
	size_t count;
	size_t capacity;
};

/* Zeroed is empty; release with decision_answer_done(). */
struct decision_answer {
	struct decision_list deleted; /* to be applied before the new ones */
	struct decision_list fresh;   /* by owner, of each the one that ends last */
	size_t unreadable;            /* new bans that were left out */
	char first_unreadable[160];   /* what is wrong with the first of them */
};
void decision_answer_done(struct decision_answer *answer);

/* Reads a whole answer. Returns 0; or a negative errno and sets *err with *out empty: the text is
 * not such an answer, or memory ran out. The origins grow also then. */
int decision_read(const char *text, size_t length, struct decision_origins *origins,
		  struct decision_answer *out, struct error *err);

#endif
