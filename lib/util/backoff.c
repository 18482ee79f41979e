// SPDX-License-Identifier: GPL-2.0
/*
 * How long is something that failed left alone before the next try?
 */
#include <util/backoff.h>

#include <stdint.h>
#include <sys/random.h>

uint64_t backoff_jitter_ms(uint64_t ms)
{
	uint32_t random;

	/* Without a random number, nothing is lost but the jitter. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return ms;
	return ms - ms / 4 + random % (ms / 2 + 1);
}

uint64_t backoff_next_ms(struct backoff *backoff)
{
	backoff->ms = backoff->ms ? backoff->ms * 2 : BACKOFF_FIRST_MS;
	if (backoff->ms > BACKOFF_LONGEST_MS)
		backoff->ms = BACKOFF_LONGEST_MS;
	return backoff_jitter_ms(backoff->ms);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->ms = 0;
}
