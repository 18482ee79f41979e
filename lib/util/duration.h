/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are durations, and how are durations written?
 */
#ifndef UTIL_DURATION_H
#define UTIL_DURATION_H

#include <stdint.h>

/* Seconds ("90"), or numbers with the units d, h, m and s, in this order and each at most once
 * ("1h30m"). From 1 second to DURATION_MAX_S. Returns 0, -EINVAL or -ERANGE. */
#define DURATION_MAX_S (10ull * 365 * 24 * 3600)
int duration_parse(const char *text, uint64_t *seconds);

/* As duration_parse() reads it, the largest unit first: 5400 is "1h30m", 90 is "1m30s", 0 is
 * "0s". */
#define DURATION_TEXT_SIZE 32
void duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE]);

#endif
