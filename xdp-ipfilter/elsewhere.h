/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is the filter of an interface that has left this network namespace?
 */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include <cli/command.h>

#include "iface.h"

struct error;

/* Takes the iface's program off wherever it is, after it was found not to be here any more: *err says how, and
 * keeps its words where the program is gone. EXIT_NOT_LOADED; EXIT_FAILED where it filters on. */
enum exit_code elsewhere_take_off(const struct iface *iface, struct error *err);

#endif
