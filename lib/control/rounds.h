/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does a command that keeps running print again, and what ends it?
 */
#ifndef CONTROL_ROUNDS_H
#define CONTROL_ROUNDS_H

#include <cli/options.h>
#include <stdint.h>
#include <util/loop.h>

struct error;

#define ROUNDS_MAX_INTERVAL_MS 86400000u

struct rounds {
	unsigned int interval_ms; /* above 0 */
	unsigned int count;       /* 0: no end */
};
#define ROUNDS_DEFAULTS              \
	{                            \
		.interval_ms = 2000, \
	}

/* The options of commands whose requests have a struct rounds in this field. */
#define ROUNDS_OPTIONS(letter_, request, field_)                                         \
	OPTION_NUMBER(letter_, "interval", "MS", request, field_.interval_ms, 1,         \
		      ROUNDS_MAX_INTERVAL_MS, "Milliseconds between two prints."),       \
		OPTION_NUMBER(0, "count", "N", request, field_.count, 1, UINT32_MAX - 1, \
			      "Exit after N prints.")

/* Calls `round` once each interval, first after one interval. Returns 0 after the last round, after
 * a signal that ends programs, or when `round` returned a positive number, as for REPORT_CLOSED; or
 * the negative errno that `round` returned. */
int rounds_run(const struct rounds *rounds, loop_callback round, void *context, struct error *err);

#endif
