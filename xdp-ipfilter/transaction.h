/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of several interfaces change together or not at all?
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include <cli/options.h>
#include <feed/input.h>
#include <stdbool.h>
#include <stddef.h>

#include "iface.h"
#include "lockout.h"

struct error;

/* Makes iface->rules what they are to become; *changed is the number of rules that became
 * different. Called again from the start if another process changes the rules meanwhile. Returns 0,
 * or a negative errno and sets *err: then nothing changes on any interface. */
typedef int (*transaction_apply)(struct iface *iface, const void *context, size_t *changed,
				 struct error *err);

struct transaction {
	transaction_apply apply;
	const void *context;
	const struct input *input; /* the rules that were read; NULL: none */
	bool is_guarded; /* refuse what lockout_check_rules() refuses; there is an input then */
	enum lockout_change kind; /* for the guard */
};

/* Reads the rules of each interface named (or of all that have the filter), changes them, and makes
 * all changes live once every one is ready. Takes the lock. Leaves an interface alone whose rules
 * do not change. Returns 0, or a negative errno and sets *err, ERROR_ABSENT where the filter is not
 * loaded. */
int transaction_run(const struct option_texts *names, const struct transaction *transaction,
		    struct error *err);

/* Prints to stdout what transaction_run() would change, and changes nothing. Takes no lock. */
int transaction_preview(const struct option_texts *names, const struct transaction *transaction,
			struct error *err);

#endif
