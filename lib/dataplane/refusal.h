/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why did the kernel refuse to put a program onto an interface, or to take it off?
 *
 * Each of its error numbers means several things. We therefore also look at its own message (the
 * extended acknowledgement, which libbpf passes on) and at the interfaces above and below.
 */
#ifndef DATAPLANE_REFUSAL_H
#define DATAPLANE_REFUSAL_H

#include <dataplane/chain.h>
#include <stdbool.h>

struct error;

/* Is an interface above in the way? While it has a program, the kernel changes none below. */
bool refusal_is_from_above(int ret);

/* Did others come first, so that another try makes sense? */
bool refusal_is_race(int ret);

/* Both set the message for the error that an attach or a detach has just returned, and return it.
 * They return -EEXIST only if an interface above is in the way. */
int refusal_of_attach(const struct netdev *dev, const struct chain *before, enum attach_mode mode,
		      int ret, struct error *err);
int refusal_of_detach(const struct netdev *dev, __u32 program_id, int ret, struct error *err);

#endif
