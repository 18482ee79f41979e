/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is the filter attached to an interface?
 *
 * First it is prepared: the interface is checked, the program is verified, and its maps are made
 * and filled with the rules. Then it is attached: by libxdp to the chain, or single if the kernel
 * or the environment has no dispatcher.
 */
#ifndef DATAPLANE_ATTACH_H
#define DATAPLANE_ATTACH_H

#include <dataplane/chain.h>
#include <ipfilter/abi.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>

struct error;
struct attachment;

/* The maximum number of file descriptors that attaching and detaching take: libxdp opens each
 * program and each link of both the old and the new chain. */
#define ATTACH_DESCRIPTORS 128

struct attach_options {
	enum attach_mode mode;
	enum ipf_verdict policy;
	unsigned int priority;
	bool require_dispatcher;
	bool repair;    /* repair a broken chain first instead of refusing it */
	__u32 replaces; /* the filter on the interface that this one comes in place of; 0: none */
	bool trace;
	bool observe; /* begin with ENFORCEMENT_OFF */
	enum ipf_counting counting;
};

/* Checks what can be checked and builds all that the interface needs, without touching it. Assigns
 * counters to *rules. Mounts bpffs if it is missing and can be mounted safely. Returns 0, or a
 * negative errno with a message: -EOPNOTSUPP for frames whose source cannot be read and where a
 * dispatcher is required but cannot be used; those of <dataplane/obstacle.h> for what is on the
 * interface. On success, release *out with attachment_free(). */
int attach_prepare(const struct netdev *dev, const struct attach_options *options,
		   struct ruleset *rules, struct attachment **out, struct error *err);

/* Attaches, reads the chain back and finds our program in it; *after is that chain. Logs one
 * warning if the filter runs single, with the reason and the consequence. On failure, the interface
 * is unchanged. If a repair came first and brought back a lost filter, that filter stays.
 *
 * A filter that replaces another one takes its position in one step where that runs single. In a
 * chain, it joins first, and the other one is taken out then: each packet meets one or both. If
 * that fails halfway, both stay. */
int attach_commit(struct attachment *attachment, struct chain *after, struct error *err);

void attachment_free(struct attachment *attachment);

#endif
