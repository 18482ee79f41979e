/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a change undone unless it is confirmed?
 *
 * A process of its own notes the state before the change and after it (undo.h), waits, and undoes
 * the change when its time is over. It has no terminal and leads a session of its own, so neither a
 * closed terminal nor the death of the shell ends it. It counts the time since boot, with the time
 * that the machine slept, so a change of the clock does not matter. SIGTERM makes it undo the
 * change at once. Only SIGKILL leaves the change as it is, without a way back; so where memory runs
 * out, the process is the last to be killed, if that is permitted. While it undoes the change, a
 * process of its own answers those that ask.
 */
#ifndef CONTROL_CONFIRM_H
#define CONTROL_CONFIRM_H

#include <cli/options.h>
#include <control/iface.h>
#include <stdint.h>

struct error;

/* The option of commands whose request has a uint64_t in this field. */
#define CONFIRM_OPTION(request, field_)                                      \
	OPTION_DURATION(0, "confirm", "DURATION", request, field_,           \
			"Undo the change after this time, unless 'confirm' " \
			"is called before.")

/* Makes a change: commit(request), which is the last step of this command, on these interfaces.
 * With 0 seconds, that is all. Otherwise the process above is there before it, and then stdout says
 * what must be done; a second change that would wait is refused before anything happens. The caller
 * holds the lock. Returns what `commit` returns, or a negative errno and sets *err. */
int confirm_commit(uint64_t seconds, const char *command, const struct ifaces *ifaces,
		   int (*commit)(void *request, struct error *err), void *request,
		   struct error *err);

#endif
