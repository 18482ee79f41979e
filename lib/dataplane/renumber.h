/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where are the pins of a chain whose interface has another number now?
 *
 * libxdp finds them by the interface's number and the dispatcher's program id. In another network
 * namespace the number can be taken, and the interface gets a new one.
 */
#ifndef DATAPLANE_RENUMBER_H
#define DATAPLANE_RENUMBER_H

#include <dataplane/chain.h>

/* Gives the pins of this chain the number that its interface has now. Nothing happens where they have it,
 * or where they are not seen. */
void renumber_pins(const struct netdev *dev, const struct chain *chain);

#endif
