/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a chain become whole that lost components?
 *
 * Where pins were removed, the dispatcher stays on the interface and runs what is left. libxdp
 * takes such a chain for a single program and refuses to touch it, so it is made whole in its
 * places: what runs is pinned again, programs that are still pinned are linked again, then
 * programs that do nothing fill the gaps, and libxdp, which now knows the chain again, takes those
 * out. All the while the components that are left run.
 */
#ifndef DATAPLANE_MEND_H
#define DATAPLANE_MEND_H

#include <dataplane/chain.h>

struct error;

/* The filter that was on this interface and runs there no more, though the kernel has it still: pinned
 * in the chain that is broken, or, where the whole chain was taken off, the newest that was loaded
 * there. Its program's id, or 0. */
__u32 mend_find_filter(const struct netdev *dev, const struct chain *chain);

/* Is the chain broken, or not pinned as libxdp needs it? Of pins only where they are seen: in a mount
 * namespace with another bpffs nobody can tell. */
bool mend_is_needed(const struct netdev *dev, const struct chain *chain);

/* 0 where libxdp can work on the chain. Where it does not see its pins: -EXDEV in a mount namespace with
 * another bpffs, where mending would do harm, else -ESTALE. */
int mend_check_pins(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Makes the chain of this interface whole. On failure the components that ran run still. */
int mend(const struct netdev *dev, struct error *err);

#endif
