// SPDX-License-Identifier: GPL-2.0
/*
 * What does a random test draw, and from which seed?
 */
#include "chance.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include <util/number.h>

#include "tap.h"

/* SplitMix64 (Steele, Lea, Flood 2014). */
static __u64 state;

unsigned long long chance_setting(const char *name, unsigned long long standard)
{
	const char *text = getenv(name);
	uint64_t value;

	if (!text || !*text)
		return standard;
	if (number_parse(text, 0, ~0ull, &value))
		tap_bail("%s=%s is not a number", name, text);
	return value;
}

__u64 chance_begin(void)
{
	if (getrandom(&state, sizeof(state), 0) != sizeof(state))
		tap_bail("no randomness");
	state = chance_setting("SEED", state);
	return state;
}

__u64 chance_bits(void)
{
	__u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

__u32 chance_below(__u32 limit)
{
	return (__u32)(chance_bits() % limit);
}

bool chance_one_in(__u32 n)
{
	return !chance_below(n);
}
