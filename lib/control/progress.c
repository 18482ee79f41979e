// SPDX-License-Identifier: GPL-2.0
/*
 * What does an operator see while a long list is loaded?
 */
#include <control/progress.h>

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <util/clock.h>
#include <util/log.h>
#include <util/number.h>
#include <util/text.h>

#define PATIENCE_MS 1000 /* before the line appears */
#define INTERVAL_MS 100  /* until it is rewritten */

#define ERASE_TO_END "\033[K"

#define NAME_SIZE 40 /* of a terminal's 80 columns: a line that wraps could not be erased */

static uint64_t started_ms; /* the first call; 0: there was none */
static uint64_t shown_ms;   /* the last time the line was written; 0: there is no line */

/* "eth0: making 12 rules live" of "eth0", "making", 12 and "rules live". */
static void show(const char *name, const char *before, size_t count, const char *after)
{
	char printable[NAME_SIZE], number[NUMBER_TEXT_SIZE];
	uint64_t now = clock_monotonic_ms();

	if (!started_ms)
		started_ms = now;
	if (now - started_ms < PATIENCE_MS || now - shown_ms < INTERVAL_MS)
		return;
	if (log_level() >= LOG_VERBOSE || !isatty(STDERR_FILENO))
		return;
	shown_ms = now;
	text_printable(name, printable, sizeof(printable));
	number_format(count, number);
	fprintf(stderr, "\r%s: %s%s %s" ERASE_TO_END, printable, before, number, after);
}

void progress_lines(const char *name, size_t lines)
{
	show(name, "", lines, "lines read");
}

void progress_rules(const char *ifname, size_t rules)
{
	show(ifname, "making ", rules, "rules live");
}

void progress_erase(void)
{
	if (shown_ms)
		fputs("\r" ERASE_TO_END, stderr);
	shown_ms = 0;
}
