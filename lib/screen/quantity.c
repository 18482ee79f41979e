// SPDX-License-Identifier: GPL-2.0
/*
 * How are large numbers written in a narrow column?
 */
#include <screen/quantity.h>

#include <stdio.h>

static const char units[] = "kMGTPE";

const char *quantity_format(uint64_t number, char text[QUANTITY_TEXT_SIZE])
{
	double value = (double)number / 1000;
	const char *unit = units;

	if (number < 10000) {
		snprintf(text, QUANTITY_TEXT_SIZE, "%u", (unsigned int)number);
		return text;
	}
	/* What would be rounded to "1000k" is "1.00M". */
	for (; value >= 999.5 && unit[1]; unit++)
		value /= 1000;
	snprintf(text, QUANTITY_TEXT_SIZE, "%.*f%c",
		 value < 9.995 ? 2 :
		 value < 99.95 ? 1 :
				 0,
		 value, *unit);
	return text;
}
