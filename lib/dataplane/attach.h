/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does the program come onto an interface, and go again?
 *
 * Prepared first (object opened and verified, maps made, rules in them, the place on the interface
 * looked at), then attached: by libxdp into the chain, or alone where the kernel or the environment
 * has no dispatcher.
 */
#ifndef DATAPLANE_ATTACH_H
#define DATAPLANE_ATTACH_H

#include <dataplane/chain.h>
#include <ipfilter/abi.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;
struct attachment;

/* File descriptors that attaching and detaching may take at most: libxdp opens each program and each link of
 * a chain, the old one beside the new one. */
#define ATTACH_DESCRIPTORS 128

struct attach_options {
	enum attach_mode mode;
	enum ipf_verdict policy;
	unsigned int priority;
	bool require_dispatcher;
	bool repair; /* a broken chain is no obstacle: it is mended first */
	bool trace;
	enum ipf_counting counting;
};

/* Checks what can be checked and builds all that the interface needs, without touching it. *rules get
 * their counters assigned. Refuses: frames whose source cannot be read (-EOPNOTSUPP), loaded already
 * (-EEXIST), a foreign program without dispatcher (-EBUSY), another mode than the chain's (-EBUSY), a
 * full chain (-E2BIG), a dispatcher of another version (-EPROTO), a broken chain that is not to be
 * repaired (-EBUSY), no dispatcher though required (-EOPNOTSUPP). Mounts bpffs where it is missing
 * and may be. On success *out is released with attachment_free(). */
int attach_prepare(const struct netdev *dev, const struct attach_options *options,
		   struct ruleset *rules, struct attachment **out, struct error *err);

/* Attaches, reads the chain back and finds our program in it. One warning is logged where it runs
 * single: why, and what follows. On failure the interface is as it was. Of a chain that is mended
 * first, a filter of before that is found again stays as it is instead. */
int attach_commit(struct attachment *attachment, struct error *err);

void attachment_free(struct attachment *attachment);

/* Takes our programs off the interface, this one or with 0 all, and only ours. 0; -ENOENT: not loaded there;
 * -EEXIST: not while an interface above it has a program. A broken chain is mended on the way. */
int detach(const struct netdev *dev, __u32 program_id, struct error *err);

#endif
