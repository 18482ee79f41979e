/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which signals end the program, and when must they wait?
 *
 * SIGINT, SIGTERM, SIGQUIT and, unless nohup ignores it, SIGHUP.
 */
#ifndef UTIL_SIGNALS_H
#define UTIL_SIGNALS_H

struct error;

/* Holds these signals back from here on, so that none interrupts a change that must be whole. A
 * command that then ends has done its work, whichever signals came. */
void signals_hold(void);

/* Holds them too. Returns a descriptor that can be read as soon as one of them has come, also
 * before this call; the caller closes it. Or returns a negative errno and sets *err. */
int signals_open(struct error *err);

#endif
