// SPDX-License-Identifier: GPL-2.0
/*
 * How do numbers over time become a line of bars?
 */
#include <screen/sparkline.h>

#include <string.h>

#define LEVELS 8u

static const char *const blocks[LEVELS + 1] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const ascii[LEVELS + 1] = { " ", ".", ":", "-", "=", "+", "*", "%", "#" };

/* Rounded up, so that little is not nothing. */
static unsigned int level(uint64_t value, uint64_t max)
{
	if (value >= max)
		return max ? LEVELS : 0;
	return (unsigned int)((double)value * LEVELS / (double)max + 0.999999);
}

static const uint64_t *last(const uint64_t *values, size_t *count, size_t width)
{
	const size_t before = *count > width ? *count - width : 0;

	*count -= before;
	return values + before;
}

uint64_t sparkline_max(const uint64_t *values, size_t count, size_t width)
{
	uint64_t max = 0;

	values = last(values, &count, width);
	for (size_t i = 0; i < count; i++)
		max = values[i] > max ? values[i] : max;
	return max;
}

void sparkline_draw(const uint64_t *values, size_t count, uint64_t max, size_t width, bool utf8,
		    char text[SPARKLINE_TEXT_SIZE])
{
	width = width < SPARKLINE_MAX ? width : SPARKLINE_MAX;
	values = last(values, &count, width);
	memset(text, ' ', width - count);
	text += width - count;
	*text = '\0';
	for (size_t i = 0; i < count; i++)
		text = stpcpy(text, (utf8 ? blocks : ascii)[level(values[i], max)]);
}
