/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which owners want which rules, and what is different for sync?
 *
 * A source may name a prefix several times: in several keys of etcd, in several decisions of
 * CrowdSec, in several routes. Each of them is an owner here, named by bytes, with its rules. sync
 * sees one rule for a prefix: that of the owner whose name sorts last, on every host alike; or see
 * claims_decide_by_version(). When that owner goes, or its rule ends, the rule of the one before it
 * is delivered.
 */
#ifndef SOURCE_CLAIMS_H
#define SOURCE_CLAIMS_H

#include <ruleset/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct claims;
struct error;

/* Functions here return 0, or -ENOMEM, after which the claims can only be released; those with an
 * `err` set it. */

int claims_open(struct claims **out, struct error *err);
/* For claims that nobody has set yet: the owner with the highest version decides, and the name only
 * between equal ones. */
void claims_decide_by_version(struct claims *claims);
void claims_close(struct claims *claims); /* NULL: nothing */

/* Makes these the rules of the owner: all others that it had go. The caller keeps the rules, in
 * another order; the last one for a prefix counts. They are all of one set, with an enum verdict.
 * The version is the caller's, for claims_version(). Costs what the owner has, not what all
 * have. */
int claims_set(struct claims *claims, const void *owner, size_t size, uint64_t version,
	       struct rule *rules, size_t count, struct error *err);
/* The owner and its rules go, if it is there. */
int claims_remove(struct claims *claims, const void *owner, size_t size, struct error *err);
/* Keeps the rules that the owner has, and gives it this version, which does not change who decides.
 * False if the owner is not there. */
bool claims_keep(struct claims *claims, const void *owner, size_t size, uint64_t version);
/* True if the owner is there; then *version is its version. */
bool claims_version(const struct claims *claims, const void *owner, size_t size, uint64_t *version);

/* True if a rule decides for the prefix; then *version is that of its owner. */
bool claims_decider(const struct claims *claims, const struct prefix *prefix, uint64_t *version);

/* How many owners are there, with rules and without? */
size_t claims_owners(const struct claims *claims);
/* The owner with the highest version, until the next change. False: there is none. */
bool claims_newest(const struct claims *claims, const void **owner, size_t *size,
		   uint64_t *version);

/* Called with the version of the owner of a rule. */
typedef void (*claims_visitor)(void *context, const struct prefix *prefix, uint64_t version);
/* Calls back for each rule of each owner that had not ended at the last delivery. */
void claims_visit(const struct claims *claims, claims_visitor visit, void *context);

/* When the source is read once more from its beginning: begin a round, set or keep each owner that
 * is still there, and end the round: owners that were neither set nor kept in it go. Until then
 * they stay, so a round may be given up, and another one begun. */
void claims_begin_round(struct claims *claims);
int claims_end_round(struct claims *claims, struct error *err);

/* Writes what is different from the delivery before this one (the first time a list), sorted by
 * prefix. Rules that have ended by tick `now` count no more, and sync is told nothing about them,
 * because it knows their ends. Returns 1 where it wrote a list or a change, 0 where nothing is
 * different and it wrote nothing; -ENOMEM, or a negative errno of delivery.h. */
int claims_deliver(struct claims *claims, FILE *out, const char *validator, __u32 now,
		   struct error *err);
/* The same, without prefixes that have no rule any more: sync is told of those, if they still have
 * none, by the next claims_deliver(). */
int claims_deliver_additions(struct claims *claims, FILE *out, const char *validator, __u32 now,
			     struct error *err);
/* Before the first of these, where the source cannot be read whole: writes all rules as a change,
 * so that sync keeps what it knows besides. The first delivery is a list all the same. Returns
 * likewise. */
int claims_deliver_early(struct claims *claims, FILE *out, __u32 now, struct error *err);

#endif
