/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are moments, and how are moments written?
 */
#ifndef UTIL_TIMESTAMP_H
#define UTIL_TIMESTAMP_H

#include <stdint.h>

/* Reads a moment as RFC 3339 writes it: 2026-12-01T00:00:00Z, 2026-12-01T02:00:00.5+02:00. From
 * 1970 to 9999. *unix_s is in seconds since 1970, a fraction rounded up. Returns 0, or -EINVAL with
 * *unix_s unchanged. */
int timestamp_parse(const char *text, uint64_t *unix_s);

/* In UTC, with a Z. */
#define TIMESTAMP_TEXT_SIZE 32
void timestamp_format(uint64_t unix_s, char text[TIMESTAMP_TEXT_SIZE]);

#endif
