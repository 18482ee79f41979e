/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are numbers and durations, strictly?
 *
 * No signs, no blanks, no leading zeros (some tools read 010 as 8), nothing behind, nothing out of
 * range: what is not wholly understood is refused.
 */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A decimal number from min to max. Returns 0, -EINVAL (not a number) or -ERANGE; *out is written
 * only on success. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Seconds ("90"), or numbers each with one of s, m, h, d ("1h30m"), units falling, each once.
 * From 1 second to DURATION_MAX_S. Returns 0, -EINVAL or -ERANGE. */
#define DURATION_MAX_S (10ull * 365 * 24 * 3600)
int duration_parse(const char *text, uint64_t *seconds);

/* The largest units first, as duration_parse() reads it back: 5400 is "1h30m", 90 "1m30s"; 0 is
 * "0s". */
#define DURATION_TEXT_SIZE 32
void duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE]);

/* With a comma before every three digits: 1234567 is "1,234,567". */
#define NUMBER_TEXT_SIZE 27
void number_format(uint64_t number, char text[NUMBER_TEXT_SIZE]);

/* Copies text to out (at most size bytes, NUL included), with every byte that a terminal would act
 * on (controls, DEL, bytes above 126) as \xNN. */
void text_printable(const char *text, char *out, size_t size);

#endif
