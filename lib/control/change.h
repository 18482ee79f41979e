/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a command change the rules of one interface: all of them, or a few of a large table?
 *
 * The commands say what changes; whether the whole table was read, or it is edited (struct edit),
 * is decided by the transaction.
 */
#ifndef CONTROL_CHANGE_H
#define CONTROL_CHANGE_H

#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct iface;

/* The rules that change, of which only the sets are known to be complete. */
struct ruleset *change_rules(struct iface *iface);

/* These do what their namesakes in <ruleset/ruleset.h> do to the interface's rules. They return 0;
 * -E2BIG without a message, if a table that is edited should be changed as a whole; or another
 * negative errno and set *err. */
int change_add(struct iface *iface, struct rule *incoming, size_t count, size_t *changed,
	       struct error *err);
int change_remove(struct iface *iface, struct rule *incoming, size_t count, size_t *changed,
		  struct error *err);
int change_replace(struct iface *iface, const bool *sets, struct rule *incoming, size_t count,
		   size_t *changed, struct error *err);

/* Counts the rules of the marked sets, of which there is one flag and one count for each set of
 * change_rules(). Returns as the changes do. */
int change_count_sets(struct iface *iface, const bool *sets, size_t *counts, struct error *err);

#endif
