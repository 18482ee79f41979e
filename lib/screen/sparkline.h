/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do numbers over time become a line of bars?
 */
#ifndef SCREEN_SPARKLINE_H
#define SCREEN_SPARKLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPARKLINE_MAX 512u /* bars */
#define SPARKLINE_TEXT_SIZE (3 * SPARKLINE_MAX + 1)

/* Draws the last `width` of the numbers, one bar each, the newest at the right end; before the
 * first there are blanks. The highest bar is that of `max`. What is above 0 has a bar. UTF-8 blocks
 * or ASCII. */
void sparkline_draw(const uint64_t *values, size_t count, uint64_t max, size_t width, bool utf8,
		    char text[SPARKLINE_TEXT_SIZE]);

/* The highest of the last `width` numbers. */
uint64_t sparkline_max(const uint64_t *values, size_t count, size_t width);

#endif
