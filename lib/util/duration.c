// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are durations, and how are durations written?
 */
#include <util/duration.h>

#include <errno.h>
#include <stdio.h>

#include <util/number.h>

static const struct {
	char name;
	uint32_t length_s;
} duration_units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

/* The unit of that name, from `first` on; DURATION_UNITS: there is none. */
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

			text = number_scan(text, &number);
			unit = text ? find_unit(*text, unit) : DURATION_UNITS;
			if (unit == DURATION_UNITS)
				return -EINVAL;
			if (__builtin_mul_overflow(number, duration_units[unit].length_s,
						   &number) ||
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
	for (size_t i = 0; i < DURATION_UNITS; i++) {
		uint64_t number = seconds / duration_units[i].length_s;

		seconds %= duration_units[i].length_s;
		if (number)
			length += (size_t)snprintf(text + length, DURATION_TEXT_SIZE - length,
						   "%llu%c", (unsigned long long)number,
						   duration_units[i].name);
	}
}
