/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of several interfaces change together or not at all?
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include <stddef.h>

#include "common.h"
#include "lockout.h"
#include "iface.h"
#include <feed/input.h>

struct error;

/* Makes iface->rules what they shall be, and refuses what must not be. *changed is the number of
 * rules that became different. */
typedef int (*rule_change)(struct iface *iface, const void *context, size_t *changed,
			   struct error *err);

struct transaction {
	rule_change apply;
	const void *context;
	const struct input *input; /* the rules that were read; NULL: none */
	/* What lockout_check_rules() refuses is refused; needs the input, and to know of the change. */
	bool is_guarded;
	enum lockout_change kind;
};

/* Under the lock: reads the rules of each interface named (or of all that have the filter), changes
 * them, and makes all changes live when every one is ready. What does not change is left alone. */
int transaction_run(const struct option_texts *names, const struct transaction *change,
		    struct error *err);

/* Reads the live rules, without those that have ended. */
int iface_read_rules(struct iface *iface, __u32 now, struct error *err);

/* The rules of the input as rules of the iface: verdicts by its policy, sets by its numbers (they
 * are made where missing). *out has input->count items, *sets (may be NULL) input->set_count
 * numbers; the caller frees both. */
int iface_input(struct iface *iface, const struct input *input, struct rule **out, __u16 **sets,
		struct error *err);

/* Makes the sets marked in `sets` (a flag for each of the iface's) exactly the rules that iface_input()
 * gave for them, and adds the others. Refuses what lockout_check_shrink() refuses, unless forced. */
int iface_replace(struct iface *iface, const struct input *input, const bool *sets, bool force,
		  struct rule *rules, size_t *changed, struct error *err);

#endif
