/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are numbers, strictly, and how are numbers written?
 *
 * No signs, no blanks, no leading zeros (some tools read 010 as 8), nothing after the last digit,
 * nothing out of range: a text that is not wholly understood is refused.
 */
#ifndef UTIL_NUMBER_H
#define UTIL_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* A decimal number from min to max. Returns 0, -EINVAL (not a number) or -ERANGE; *out is written
 * only on success. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Reads the digits that the text begins with. Returns where they end, or NULL if it does not begin
 * with a number. A number beyond 64 bits is UINT64_MAX, above the limit of every caller. */
const char *number_scan(const char *text, uint64_t *out);

/* With a comma before every three digits: 1234567 is "1,234,567". */
#define NUMBER_TEXT_SIZE 27
void number_format(uint64_t number, char text[NUMBER_TEXT_SIZE]);

/* "1 rule", "2 rules": returns the text. */
#define NUMBER_COUNT_SIZE 40
const char *number_count(size_t count, const char *thing, char text[NUMBER_COUNT_SIZE]);

#endif
