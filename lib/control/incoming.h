/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does an input do to the rules of one interface?
 *
 * An input is read once for all interfaces. Its rules refer to sets by the numbers of the input,
 * and may leave the verdict to the policy; they become rules only for an interface.
 */
#ifndef CONTROL_INCOMING_H
#define CONTROL_INCOMING_H

#include <control/iface.h>
#include <feed/input.h>
#include <stdbool.h>
#include <stddef.h>

struct error;

/* The rules of an input as rules of an interface. Both must outlive it. */
struct incoming {
	const struct input *input;
	struct iface *iface;
	struct rule *rules; /* input->count of them, in any order */
	__u16 *sets;        /* for each set of the input, its index in change_rules() */
};

/* Gives the rules verdicts by this policy, and sets of change_rules(); makes those that are
 * missing. Returns 0, -ENOMEM or -E2BIG (too many sets), and sets *err; then there is nothing to
 * release. Release with incoming_done(). */
int incoming_init(struct incoming *incoming, struct iface *iface, const struct input *input,
		  enum ipf_verdict policy, struct error *err);
void incoming_done(struct incoming *incoming);

/* Each changes the rules of the iface as <change.h> says; *changed (may be NULL unless the iface is
 * edited) is the number of rules that became different. Returns 0; -E2BIG without a message, if an
 * iface that is edited should be changed as a whole; or another negative errno and sets *err. */
int incoming_add(struct incoming *incoming, size_t *changed, struct error *err);
int incoming_remove(struct incoming *incoming, size_t *changed, struct error *err);

/* Replaces the sets of the input for which is_replaced() says so: they become exactly the incoming
 * rules. Adds the rules of the other sets. Unless forced, refuses what lockout_check_shrink()
 * refuses. */
typedef bool (*incoming_filter)(const struct input *input, size_t set);
int incoming_replace(struct incoming *incoming, incoming_filter is_replaced, bool force,
		     size_t *changed, struct error *err);

#endif
