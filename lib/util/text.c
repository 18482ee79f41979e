// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are numbers and durations, strictly?
 */
#include <util/text.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	char name;
	uint32_t seconds;
} duration_units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits up to the first other byte, which it returns; NULL where no number stands. A number
 * beyond 64 bits is UINT64_MAX: every caller's limit is lower. */
static const char *read_digits(const char *text, uint64_t *out)
{
	uint64_t number = 0;

	if (!is_digit(*text) || (text[0] == '0' && is_digit(text[1])))
		return NULL;
	for (; is_digit(*text); text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			number = UINT64_MAX;
	}
	*out = number;
	return text;
}

int number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t number;
	const char *end = read_digits(text, &number);

	if (!end || *end)
		return -EINVAL;
	if (number < min || number > max)
		return -ERANGE;
	*out = number;
	return 0;
}

/* The unit called `name` among those from `first` on; DURATION_UNITS for none. */
static size_t find_unit(char name, size_t first)
{
	while (first < DURATION_UNITS && duration_units[first].name != name)
		first++;
	return first;
}

int duration_parse(const char *text, uint64_t *seconds)
{
	uint64_t total = 0;
	size_t unit = 0;

	if (number_parse(text, 0, UINT64_MAX, &total) != 0) {
		do {
			uint64_t number;

			text = read_digits(text, &number);
			unit = text ? find_unit(*text, unit) : DURATION_UNITS;
			if (unit == DURATION_UNITS)
				return -EINVAL;
			if (__builtin_mul_overflow(number, duration_units[unit].seconds, &number) ||
			    __builtin_add_overflow(total, number, &total))
				total = UINT64_MAX;
			text++;
			unit++;
		} while (*text);
	}
	if (total < 1 || total > DURATION_MAX_S)
		return -ERANGE;
	*seconds = total;
	return 0;
}

void duration_format(uint64_t seconds, char text[DURATION_TEXT_SIZE])
{
	size_t length = 0;

	if (!seconds)
		snprintf(text, DURATION_TEXT_SIZE, "0s");
	for (size_t i = 0; i < DURATION_UNITS && seconds; i++) {
		uint64_t number = seconds / duration_units[i].seconds;

		seconds %= duration_units[i].seconds;
		if (number)
			length += (size_t)snprintf(text + length, DURATION_TEXT_SIZE - length,
						   "%llu%c", (unsigned long long)number,
						   duration_units[i].name);
	}
}

void number_format(uint64_t number, char text[NUMBER_TEXT_SIZE])
{
	char digits[NUMBER_TEXT_SIZE];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);

	for (int i = 0; i < count; i++) {
		if (i && (count - i) % 3 == 0)
			*text++ = ',';
		*text++ = digits[i];
	}
	*text = '\0';
}

void text_printable(const char *text, char *out, size_t size)
{
	if (!size)
		return;
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		size_t need = byte >= 32 && byte <= 126 ? 1 : 4;

		if (need >= size) /* An escape is never cut in two. */
			break;
		if (need == 1)
			*out = (char)byte;
		else
			snprintf(out, size, "\\x%02x", byte);
		out += need;
		size -= need;
	}
	*out = '\0';
}
