/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where are the pins of a chain whose interface has a new number?
 *
 * libxdp finds pins by the interface's number and the dispatcher's program id. An interface that
 * moves to another network namespace gets a new number if its own is taken there.
 */
#ifndef DATAPLANE_RENUMBER_H
#define DATAPLANE_RENUMBER_H

#include <dataplane/chain.h>

/* Renames the pins of this chain to the number that its interface has now. Does nothing if they
 * already have it, or cannot be seen. */
void renumber_pins(const struct netdev *dev, const struct chain *chain);

#endif
