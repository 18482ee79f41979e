/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why would the filter run single, without libxdp's dispatcher?
 */
#ifndef DATAPLANE_SINGLE_H
#define DATAPLANE_SINGLE_H

#include <dataplane/attach_mode.h>
#include <dataplane/netdev.h>

struct error;

#define SINGLE_REASON_SIZE 256

/* Writes the reason, a clause for the user; empty: the dispatcher can be used. Mounts bpffs, where
 * the dispatcher is pinned, if it is missing and can be mounted safely. Returns 0, or a negative
 * errno with a message if the reason cannot be found out or bpffs cannot be mounted. */
int single_find_reason(const struct netdev *dev, enum attach_mode mode,
		       char reason[SINGLE_REASON_SIZE], struct error *err);

#endif
