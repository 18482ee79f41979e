// SPDX-License-Identifier: GPL-2.0
/*
 * How is an interface changed while others may be changing it too?
 */
#include <dataplane/attempt.h>

#include <stddef.h>
#include <time.h>

#define MAX_TRIES 30
#define PAUSE_NS 20000000

void attempt_begin(struct attempt *attempt)
{
	sigset_t all;

	attempt->tries_left = MAX_TRIES;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &attempt->signals);
}

bool attempt_again(struct attempt *attempt)
{
	if (!--attempt->tries_left)
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	return true;
}

void attempt_end(const struct attempt *attempt)
{
	sigprocmask(SIG_SETMASK, &attempt->signals, NULL);
}
