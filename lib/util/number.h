/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which texts are numbers, and how are numbers written?
 *
 * A text is read completely or refused. Signs, blanks, leading zeros (some tools read 010 as 8),
 * anything after the last digit, and numbers out of range are refused.
 */
#ifndef UTIL_NUMBER_H
#define UTIL_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Reads a decimal number from min to max. Returns 0, -EINVAL (not a number) or -ERANGE; writes *out
 * only on success. */
int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* Reads the number that the text begins with. Returns where its digits end, or NULL if there is
 * none. A number that needs more than 64 bits becomes UINT64_MAX, above the limit of every
 * caller. */
const char *number_scan(const char *text, uint64_t *out);

/* Groups the digits by commas: 1234567 is "1,234,567". */
#define NUMBER_TEXT_SIZE 27
void number_format(uint64_t number, char text[NUMBER_TEXT_SIZE]);

/* "1 rule", "2 rules": returns the text. */
#define NUMBER_COUNT_SIZE 40
const char *number_count(size_t count, const char *thing, char text[NUMBER_COUNT_SIZE]);

#endif
