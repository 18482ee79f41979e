/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which signals end the program, and when must they wait?
 *
 * SIGINT, SIGTERM, SIGQUIT and, unless nohup ignores it, SIGHUP.
 */
#ifndef UTIL_SIGNALS_H
#define UTIL_SIGNALS_H

struct error;

/* Holds these signals back from here on: none interrupts a change that must be whole. The command
 * then ends as if no signal had come. */
void signals_hold(void);

/* Holds them too. Returns a descriptor, which the caller closes, or a negative errno and sets *err.
 * The descriptor becomes readable when one of them comes, or came before this call. */
int signals_open(struct error *err);

/* Reads which of them came, from that descriptor; 0: none. */
int signals_read(int fd);

#endif
