// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are numbers, and how are numbers written?
 */
#include <util/number.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *number_scan(const char *text, uint64_t *out)
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
	const char *end = number_scan(text, &number);

	if (!end || *end)
		return -EINVAL;
	if (number < min || number > max)
		return -ERANGE;
	*out = number;
	return 0;
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

const char *number_count(size_t count, const char *thing, char text[NUMBER_COUNT_SIZE])
{
	snprintf(text, NUMBER_COUNT_SIZE, "%zu %s%s", count, thing, count == 1 ? "" : "s");
	return text;
}
