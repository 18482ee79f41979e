// SPDX-License-Identifier: GPL-2.0
/*
 * Which signals end the program, and when must they wait?
 */
#include <util/signals.h>

#include <stddef.h>

void signals_ending(sigset_t *set)
{
	struct sigaction hangup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGQUIT);
	if (sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
}

void signals_hold(void)
{
	sigset_t set;

	signals_ending(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}
