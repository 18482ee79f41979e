/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was on some interfaces before a change, and how does it come back?
 *
 * The state is noted twice: before the change, and after it. Undoing gives back what is different
 * between the two, and leaves alone what others have changed since: it names that.
 */
#ifndef CONTROL_UNDO_H
#define CONTROL_UNDO_H

#include <control/iface.h>
#include <stdbool.h>
#include <stdio.h>

struct error;
struct undo;

/* Notes whether these interfaces have the filter, how, and with which rules. Refuses one whose
 * filter is lost, which could not come back. Returns NULL and sets *err on failure. What it returns
 * is kept until the process ends. */
struct undo *undo_begin(const struct ifaces *ifaces, struct error *err);

/* Notes the same after the change. *changed: it is different. The caller holds the lock. Returns 0,
 * or a negative errno and sets *err. */
int undo_note(struct undo *undo, bool *changed, struct error *err);

/* Undoes the change. Writes a line to `remarks` about each thing that others have changed and that
 * therefore stays. An interface that fails keeps none of the others back. The caller holds the
 * lock. Returns 0, or a negative errno and sets *err to the first failure; then it can be called
 * again, for what is left. */
int undo_revert(struct undo *undo, FILE *remarks, struct error *err);

#endif
