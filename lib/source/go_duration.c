// SPDX-License-Identifier: GPL-2.0
/*
 * How much time does a duration that a Go program wrote mean?
 */
#include <source/go_duration.h>

#include <errno.h>
#include <string.h>

#include <util/number.h>

/* The largest first. Unicode has two letters mu; both are in use. */
static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "h", UINT64_C(3600000000000) },
	{ "m", UINT64_C(60000000000) },
	{ "s", 1000000000 },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },
	{ "\xce\xbcs", 1000 },
	{ "ns", 1 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static const char digits[] = "0123456789";

/* The unit that ends where the next number begins; UNIT_COUNT: there is none. */
static size_t find_unit(const char *text, size_t length)
{
	size_t i = 0;

	while (i < UNIT_COUNT &&
	       (strlen(units[i].name) != length || memcmp(units[i].name, text, length) != 0))
		i++;
	return i;
}

/* A fraction's digits, in a unit of `ns`. */
static uint64_t fraction_ns(const char *fraction, size_t length, uint64_t ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < length && ns; i++) {
		ns /= 10;
		sum += (uint64_t)(fraction[i] - '0') * ns;
	}
	return sum;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* A number and its unit, which must be smaller than *unit_ns, the one before. Returns what follows
 * them; NULL: there are none. */
static const char *scan_part(const char *text, uint64_t *unit_ns, uint64_t *total)
{
	uint64_t whole;
	size_t fraction = 0, length, unit;
	const char *end = number_scan(text, &whole);

	if (!end)
		return NULL;
	if (*end == '.') {
		fraction = strspn(++end, digits);
		if (!fraction)
			return NULL;
		end += fraction;
	}
	length = strcspn(end, digits);
	unit = find_unit(end, length);
	if (unit == UNIT_COUNT || units[unit].ns >= *unit_ns || (fraction && end[length]))
		return NULL;
	*unit_ns = units[unit].ns;
	if (__builtin_mul_overflow(whole, *unit_ns, &whole))
		whole = UINT64_MAX;
	*total = add(add(*total, whole), fraction_ns(end - fraction, fraction, *unit_ns));
	return end + length;
}

int go_duration_parse(const char *text, int64_t *ns)
{
	const char *number = text + (*text == '-');
	uint64_t total = 0, unit_ns = UINT64_MAX;

	do {
		number = scan_part(number, &unit_ns, &total);
		if (!number)
			return -EINVAL;
	} while (*number);
	if (total > INT64_MAX)
		return -ERANGE;
	*ns = *text == '-' ? -(int64_t)total : (int64_t)total;
	return 0;
}
