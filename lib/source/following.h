/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a source say, which of them are believed, and what is to change?
 *
 * A set has said rules, which the source delivered, and accepted rules, which filters have. Both
 * are the same unless the source withdraws suspiciously much at once, or cannot be read: the
 * accepted rules stay then, and those that it adds join them. Where it would drop nearly everybody,
 * they stay as they are, as long as it does (breadth.h). Pure: time comes in as an argument.
 *
 * Changes are only noted when they come. following_plan() joins them all at once, so that a
 * thousand changes a second cost one look at each, and one move of the others.
 */
#ifndef SOURCE_FOLLOWING_H
#define SOURCE_FOLLOWING_H

#include <ruleset/rule.h>
#include <source/breadth.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum following_state {
	FOLLOWING_STARTING, /* the source has said nothing yet */
	FOLLOWING_FRESH,
	FOLLOWING_HELD,    /* it withdrew or drops too much, which is not believed */
	FOLLOWING_FAILING, /* it cannot be read */
};
/* "starting", "fresh", "held", "failing" */
const char *following_state_name(enum following_state state);

/* A withdrawal is suspicious that leaves nothing, or less than half of so many rules or more, which
 * there were within the last minute. Where somebody has withdrawn the last of fewer rules one by
 * one, nothing may be left. */
#define FOLLOWING_MANY 100
#define FOLLOWING_PEAK_S 60

/* A source whose withdrawal was not believed, and that says its rules again one after the other, is
 * believed when it has said nothing for so long: before that, those that it has not said yet would
 * go. A list is said at once. */
#define FOLLOWING_SETTLE_MS 3000

/* Ends that differ by no more are the same end: a source that says again how long a rule lasts is
 * not exact. */
#define FOLLOWING_TOLERANCE_S 2

struct following_time {
	uint64_t ms; /* clock_monotonic_ms() */
	__u32 tick;  /* tick_now() */
};

/* The time now. */
struct following_time following_now(void);

struct following_entry;

/* What is different between two plans. Verdicts are of enum verdict, sets are 0. */
struct following_plan {
	struct rule *added; /* or with another verdict or end */
	size_t added_count, added_capacity;
	struct rule *removed;
	size_t removed_count, removed_capacity;
	size_t *at; /* the entries of the added ones, then those of the removed ones */
	size_t at_count, at_capacity;
};

struct following {
	/* How long such a withdrawal, or that there is no answer, is not believed; 0: for ever. */
	uint64_t hold_ms;
	bool shrink; /* believe such a withdrawal at once */
	/* A change means that somebody withdrew that very rule: it is not what is left where a
	 * session was lost. */
	bool withdraws_each;
	size_t max_rules; /* that the source may have */
	/* To read: */
	size_t said, accepted;  /* how many rules, by the last plan */
	struct breadth breadth; /* of what is said */
	struct following_plan plan;
	/* Private: */
	bool knows, heard, was_suspicious, is_held, is_failing, has_given_up;
	bool has_changed; /* since the last plan, not by a list */
	bool is_refused;  /* it would drop nearly everybody */
	bool was_emptied; /* by a list, and that is not believed yet */
	uint64_t held_since_ms, failing_since_ms, changed_ms;
	struct following_entry *entries; /* sorted by prefix */
	size_t count, capacity;
	size_t swept;       /* how many the last sweep left */
	struct rule *noted; /* changes, in the order in which they came */
	size_t noted_count, noted_capacity;
	struct rule *touched; /* their prefixes, until the plan is accepted */
	size_t touched_count, touched_capacity;
	bool touched_all;
	__u32 next_end; /* no end is before it; IPF_NEVER: there is none */
	struct {
		uint64_t second;
		size_t accepted;
	} peaks[FOLLOWING_PEAK_S];
};

/* The caller has set the first members, and zeroed the others. */
void following_done(struct following *following);

/* These take what came. Rules have an enum verdict; the last one for a prefix counts. They may be
 * sorted. Return 0, or a negative errno and set *err with nothing changed: -E2BIG, too many rules;
 * -ENOMEM. */

/* All rules of the source. */
int following_take_list(struct following *following, struct rule *rules, size_t count,
			struct error *err);
/* Those that are different; one with the verdict RECEIVER_REMOVED is not there any more. */
int following_take_change(struct following *following, const struct rule *rules, size_t count,
			  struct error *err);
/* What was left by an earlier run, before anything else: as a list that was accepted, but the
 * source has said nothing yet. */
int following_restore(struct following *following, struct rule *rules, size_t count,
		      struct error *err);

/* The source answered, and nothing is different. */
void following_take_same(struct following *following);
/* It cannot be read. */
void following_take_trouble(struct following *following, const struct following_time *now);

enum following_state following_state(const struct following *following);

/* Are these rules, which are in order, what the source says, as far as that was joined? */
bool following_says(const struct following *following, const struct rule *rules, size_t count);

/* Is anything known of the set? If not, whatever filters have in it is left alone. */
bool following_knows(const struct following *following);

/* Finds out what is to change, into following->plan. Also ends rules by the time, and decides
 * whether a withdrawal is believed: so call it from time to time without changes, too. Returns 0,
 * or -ENOMEM and sets *err. */
int following_make_plan(struct following *following, const struct following_time *now,
			struct error *err);

/* Does the plan change nothing? */
bool following_plan_is_empty(const struct following *following);

/* The filters have what was planned. Nothing was taken since the plan was made. */
void following_accept(struct following *following, const struct following_time *now);

/* All rules as they are by the plan: those that filters are to have. In order. The caller frees
 * *out. Returns 0, or -ENOMEM and sets *err. */
int following_rules(const struct following *following, struct rule **out, size_t *count,
		    struct error *err);

#endif
