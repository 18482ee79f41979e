/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is the filter of an interface that has left this network namespace?
 */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include "iface.h"

struct error;

/* Takes the iface's program off wherever it is, after it was found not to be here any more: *err says how, and
 * keeps its message where the program is gone. Always fails: with ERROR_ABSENT where the program is off, with
 * ERROR_FAILURE where it filters on. */
int elsewhere_take_off(const struct iface *iface, struct error *err);

#endif
