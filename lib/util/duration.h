/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are durations, strictly, and how are durations written?
 */
#ifndef UTIL_DURATION_H
#define UTIL_DURATION_H

#include <stdint.h>

/* Seconds ("90"), or numbers each with one of s, m, h, d ("1h30m"), units falling, each once.
 * From 1 second to DURATION_MAX_S. Returns 0, -EINVAL or -ERANGE. */
#define DURATION_MAX_S (10ull * 365 * 24 * 3600)
int duration_parse(const char *text, uint64_t *seconds);

/* The largest units first, as duration_parse() reads it back: 5400 is "1h30m", 90 "1m30s"; 0 is
 * "0s". */
#define DURATION_TEXT_SIZE 32
void duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE]);

#endif
