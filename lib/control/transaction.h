/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do the rules of several interfaces change together or not at all?
 */
#ifndef CONTROL_TRANSACTION_H
#define CONTROL_TRANSACTION_H

#include <cli/options.h>
#include <control/iface.h>
#include <control/lockout.h>
#include <feed/input.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct transaction;

/* Changes iface->rules; *changed is the number of rules that became different. Called again from
 * the start if another process changes the rules meanwhile. Returns 0, or a negative errno and sets
 * *err: then nothing changes on any interface. */
typedef int (*transaction_apply)(struct iface *iface, const struct transaction *transaction,
				 size_t *changed, struct error *err);

/* An interface, on its way to new rules. */
struct transaction_part;

/* The request of a command that changes rules begins with this. */
struct transaction {
	struct option_texts devices; /* none: all that have the filter */
	struct input input;          /* the rules that were read; zeroed: none */
	transaction_apply apply;
	bool is_guarded;          /* refuse what lockout_check_rules() refuses */
	bool is_automatic;        /* on every filter that runs (ifaces_running()), without a word */
	enum lockout_change kind; /* for the guard */

	struct ifaces ifaces;
	struct transaction_part *parts; /* one for each interface */
};

/* These are steps of such commands (struct command), whose requests they get. */

/* Reads the rules of each interface, changes them, and prepares their tables; nothing is live yet.
 * Skips an interface whose rules do not change. The caller holds the lock. Returns 0, or a negative
 * errno and sets *err, ERROR_ABSENT where the filter is not loaded. */
int transaction_prepare(void *request, struct error *err);

/* Makes everything that was prepared live. The caller holds the lock, and holds signals back. Fails
 * only where another process overwrote the memory of a filter; all other interfaces have changed
 * then. */
int transaction_commit(void *request, struct error *err);

/* How many rules change, or have changed, on the interface of this number of transaction.ifaces. */
size_t transaction_changed(const struct transaction *transaction, size_t number);

/* Releases the input, and whatever was prepared but is not live. */
void transaction_done(void *request);

/* Instead of transaction_prepare(): prints to stdout what would change, and prepares nothing. Needs
 * no lock. */
int transaction_preview(struct transaction *transaction, struct error *err);

#endif
