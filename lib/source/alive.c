// SPDX-License-Identifier: GPL-2.0
/*
 * How does sync see that a source program which runs on does not hang?
 */
#include <source/alive.h>

#include <source/delivery.h>
#include <util/clock.h>

static FILE *output; /* NULL: nobody wants to know */
static uint64_t said_ms;

void alive_begin(FILE *out)
{
	output = out;
	said_ms = clock_monotonic_ms();
}

void alive_beat(void)
{
	const uint64_t now_ms = clock_monotonic_ms();

	if (!output || now_ms - said_ms < ALIVE_EVERY_MS)
		return;
	said_ms = now_ms;
	/* If sync has gone, standard input is closed: stop.h ends the program. */
	delivery_alive(output, NULL);
}

uint64_t alive_limit(uint64_t ms)
{
	return output ? clock_earlier(ms, ALIVE_EVERY_MS) : ms;
}
