/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which command helps on an interface where our filter does not run?
 */
#ifndef DATAPLANE_CHAIN_ADVICE_H
#define DATAPLANE_CHAIN_ADVICE_H

#include <dataplane/chain.h>

#define CHAIN_ADVICE_SIZE 320

/* Writes a clause to follow filter_state_text(): what is wrong, if the state does not show it, and
 * the command to type. Returns the text. */
const char *chain_advice(const struct netdev *dev, const struct chain *chain,
			 char text[CHAIN_ADVICE_SIZE]);

#endif
