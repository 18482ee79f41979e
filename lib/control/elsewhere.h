/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is the filter of an interface that has left this network namespace?
 */
#ifndef CONTROL_ELSEWHERE_H
#define CONTROL_ELSEWHERE_H

#include <control/iface.h>

struct error;

/* Takes the program of the iface off in whichever network namespace it is now. Call it after
 * iface_check() has reported that the interface is gone, with the *err that it set.
 *
 * Always returns a negative errno. ERROR_ABSENT: the program is off; *err says in which namespace
 * it was, or keeps its message. ERROR_FAILURE: the program still filters; *err says where, and how
 * to take it off. */
int elsewhere_take_off(const struct iface *iface, struct error *err);

#endif
