/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which signals end the program, and when must they wait?
 */
#ifndef UTIL_SIGNALS_H
#define UTIL_SIGNALS_H

#include <signal.h>

/* SIGINT, SIGTERM, SIGQUIT and, unless nohup ignores it, SIGHUP. */
void signals_ending(sigset_t *set);

/* Holds these signals back from here on, so that none interrupts a change that must be whole. A
 * command that then ends has done its work, whichever signals came. */
void signals_hold(void);

#endif
