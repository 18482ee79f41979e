/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What on an interface keeps our filter off it?
 */
#ifndef DATAPLANE_OBSTACLE_H
#define DATAPLANE_OBSTACLE_H

#include <dataplane/attach.h>

/* Is there room for the filter in what runs on the interface? 0, or with a message:
 *   -EEXIST      our filter is there
 *   -EBUSY       a program without dispatcher; a chain in another mode; a broken chain, unless
 *                options->repair
 *   -E2BIG       a full chain
 *   -EPROTO      a dispatcher of another version
 *   -EXDEV       a chain whose pins are not seen in this mount namespace
 *   -EOPNOTSUPP  a dispatcher, and the kernel does not report what it runs */
int obstacle_check(const struct netdev *dev, const struct chain *chain,
		   const struct attach_options *options, struct error *err);

#endif
