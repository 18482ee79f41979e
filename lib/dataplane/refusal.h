/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why did the kernel refuse to put a program onto an interface, or to take it off?
 *
 * Its error numbers mean several things each, so its own words (the extended acknowledgement, which
 * libbpf hands on) and the interfaces above and below are asked.
 */
#ifndef DATAPLANE_REFUSAL_H
#define DATAPLANE_REFUSAL_H

#include <dataplane/chain.h>
#include <stdbool.h>

struct error;

/* Is an interface above in the way? While one has a program, the kernel changes none below. */
bool refusal_is_from_above(int ret);

/* Did somebody else come first, so that it is worth another try? */
bool refusal_is_race(int ret);

/* Adds the words to the error that an attach or a detach has just returned, and returns it; -EEXIST only
 * where an interface above is in the way. */
int refusal_of_attach(const struct netdev *dev, const struct chain *before, enum attach_mode mode,
		      int ret, struct error *err);
int refusal_of_detach(const struct netdev *dev, __u32 program_id, int ret, struct error *err);

#endif
