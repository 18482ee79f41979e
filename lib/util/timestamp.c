// SPDX-License-Identifier: GPL-2.0
/*
 * Which texts are moments, and how are moments written?
 */
#include <util/timestamp.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads just so many digits, a number from min to max, and what follows them: one of `after`, or
 * nothing where that is NULL. Returns where that ends; NULL if the text begins differently. */
static const char *read_number(const char *text, int digits, unsigned int min, unsigned int max,
			       const char *after, unsigned int *out)
{
	*out = 0;
	for (; text && digits; digits--, text++) {
		if (!is_digit(*text))
			return NULL;
		*out = *out * 10 + (unsigned int)(*text - '0');
	}
	if (!text || *out < min || *out > max)
		return NULL;
	if (!after)
		return text;
	return *text && strchr(after, *text) ? text + 1 : NULL;
}

static bool is_leap(unsigned int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned int days_of_month(unsigned int year, unsigned int month)
{
	static const unsigned int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* From 1970-01-01 on. */
static int64_t count_days(unsigned int year, unsigned int month, unsigned int day)
{
	int64_t before = (int64_t)year - 1;
	int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;

	for (unsigned int i = 1; i < month; i++)
		days += days_of_month(year, i);
	return days + day - 1;
}

/* YYYY-MM-DDTHH:MM:SS. Returns where it ends; NULL if the text begins differently. */
static const char *read_local(const char *text, int64_t *seconds)
{
	unsigned int year, month, day, hour, minute, second;

	text = read_number(text, 4, 1970, 9999, "-", &year);
	text = read_number(text, 2, 1, 12, "-", &month);
	if (!text)
		return NULL;
	text = read_number(text, 2, 1, days_of_month(year, month), "Tt", &day);
	text = read_number(text, 2, 0, 23, ":", &hour);
	text = read_number(text, 2, 0, 59, ":", &minute);
	/* 60 is a leap second. */
	text = read_number(text, 2, 0, 60, NULL, &second);
	if (text)
		*seconds =
			count_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return text;
}

/* A fraction, if there is one, counts as a second. */
static const char *read_fraction(const char *text, int64_t *seconds)
{
	bool above_zero = false;

	if (*text != '.')
		return text;
	if (!is_digit(*++text))
		return NULL;
	for (; is_digit(*text); text++)
		above_zero = above_zero || *text != '0';
	*seconds += above_zero;
	return text;
}

/* Z, or +HH:MM; what is east of Greenwich is early. */
static const char *read_zone(const char *text, int64_t *seconds)
{
	unsigned int hours, minutes;
	int64_t offset;
	bool is_west = *text == '-';

	if (*text == 'Z' || *text == 'z')
		return text + 1;
	if (*text != '+' && !is_west)
		return NULL;
	text = read_number(text + 1, 2, 0, 23, ":", &hours);
	text = read_number(text, 2, 0, 59, NULL, &minutes);
	if (!text)
		return NULL;
	offset = hours * 3600 + minutes * 60;
	*seconds += is_west ? offset : -offset;
	return text;
}

int timestamp_parse(const char *text, uint64_t *unix_s)
{
	int64_t seconds = 0;

	text = read_local(text, &seconds);
	if (text)
		text = read_fraction(text, &seconds);
	if (text)
		text = read_zone(text, &seconds);
	if (!text || *text || seconds < 0)
		return -EINVAL;
	*unix_s = (uint64_t)seconds;
	return 0;
}

void timestamp_format(uint64_t unix_s, char text[TIMESTAMP_TEXT_SIZE])
{
	const time_t seconds = (time_t)unix_s;
	struct tm parts;

	if (!gmtime_r(&seconds, &parts) ||
	    !strftime(text, TIMESTAMP_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts))
		strcpy(text, "9999-12-31T23:59:59Z");
}
