// SPDX-License-Identifier: GPL-2.0
/*
 * When does a source program end?
 */
#include <source/stop.h>

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <source/alive.h>
#include <util/clock.h>

static int poll_ms(uint64_t ms)
{
	if (ms == UINT64_MAX)
		return -1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

bool stop_wait_for(int fd, uint64_t ms, bool *readable)
{
	/* Lines of counters may wait on standard input: only its end counts. */
	struct pollfd waits[] = { { .fd = STDIN_FILENO }, { .fd = fd, .events = POLLIN } };
	const uint64_t end = ms == UINT64_MAX ? ms : clock_monotonic_ms() + ms;
	uint64_t now;

	*readable = false;
	do {
		now = clock_monotonic_ms();
		if (ms != UINT64_MAX)
			ms = now < end ? end - now : 0;
		alive_beat();
		if (poll(waits, 2, poll_ms(alive_limit(ms))) > 0) {
			*readable = waits[1].revents;
			return waits[0].revents;
		}
	} while (ms);
	return false;
}

bool stop_wait(uint64_t ms)
{
	bool readable;

	return stop_wait_for(-1, ms, &readable);
}

bool stop_asked(void)
{
	return stop_wait(0);
}
