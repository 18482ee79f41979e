/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What runs on an interface, are we in it, and were we?
 *
 * Only the kernel knows what runs: the program of the interface and, if that is libxdp's
 * dispatcher, the links that put components into it. Pins do not show it: they can be hidden, stale
 * or gone while the chain runs, and they can exist while it does not.
 *
 * If our filter does not run, two signs show that it should: our mark in the dispatcher at the
 * position of a lost component, and pins that still hold our program. Without a sign, a broken
 * chain belongs to others. These are the states of an interface (FILTER_STATE_...); the column
 * "status" is that command's exit code:
 *
 *   state                           status  load            unload           repair
 *   NOT_LOADED                           3  loads           not loaded (3)   not loaded (3)
 *     another program is alone there     3  refused: take   not loaded (3)   not loaded (3)
 *     its chain is broken, not ours      3  that off first  not loaded (3)   not loaded (3)
 *     its chain lacks pins               3  makes them,     not loaded (3)   not loaded (3)
 *                                           then loads
 *     held: somebody turned us off       3  loads anew      ends what is     brings back the chain,
 *     ("xdp off"), but pins hold us         beside it       held             or us into the new one
 *   CHAINED, SINGLE                      0  loaded already  takes us off     leaves it
 *     the chain lost other components    0  loaded already  repairs, then    closes the gaps
 *                                                           takes us off
 *     the chain lacks pins               0  loaded already  the same         makes them
 *     two or more filters of ours        0  loaded already  takes all off    leaves it
 *   NOT_FILTERING, held                  1  refused: use    repairs, then    brings us back with
 *                                           repair          takes us off     rules and counters
 *   NOT_FILTERING, not held:             1  refused: use    closes the gaps  refused without rules,
 *     the rules are lost                    repair -f FILE                   else loads anew
 *
 * The commands on rules and counters refuse a named interface that does not filter (exit 1, or 3
 * where it is not loaded). Without a name, they warn of each interface that lost its filter and
 * take the others. They refuse to choose one of two filters (1). Every refusal names the command
 * that helps (<dataplane/chain_advice.h>). That command works when it is typed next;
 * testing/e2e/test_advice.py walks through all of them.
 */
#ifndef DATAPLANE_CHAIN_H
#define DATAPLANE_CHAIN_H

#include <dataplane/attach_mode.h>
#include <dataplane/filter_state.h>
#include <dataplane/held_filter.h>
#include <dataplane/netdev.h>
#include <linux/types.h>
#include <stdbool.h>

struct error;

/* How many components libxdp's dispatcher has room for. */
#define CHAIN_MAX 10

/* The program that <dataplane/repair.h> puts into a gap for a moment. It is not a component. */
#define CHAIN_GAP_NAME "ipf_gap"

/* Our mark: "continue the chain after this action", an action that no program returns. libxdp
 * writes it into the dispatcher and keeps it when it rebuilds the chain, so it outlives our program
 * and its pins. */
#define CHAIN_MARK_ACTION 30

struct chain_component {
	__u32 program_id;
	__u32 link_id;
	unsigned int position; /* from 1 */
	__u32 priority;
	bool frags; /* takes multi-buffer frames */
	bool ours;
	char name[16];
};

struct chain {
	enum filter_state state;
	enum attach_mode mode; /* the one in effect; ATTACH_MODE_UNSPECIFIED: nothing is attached */
	__u32 main_id;         /* the program on the interface; 0: none */
	char main_name[16];
	struct rtnl_link link; /* what the kernel said of the interface; if it has gone, zeros */
	bool dispatcher;       /* the main program is libxdp's dispatcher */

	/* The kernel does not report what the dispatcher runs (before 5.13). Then only this is
	 * known: we are not in it. */
	bool untold;
	unsigned int dispatcher_version;
	unsigned int expected; /* components that the dispatcher was built for; where we do not know
				* its version, those that it has */
	unsigned int count;    /* components that are linked to it */
	struct chain_component components[CHAIN_MAX]; /* by position */
	unsigned int gap_count;
	struct chain_component gaps[CHAIN_MAX];

	__u32 program_id;       /* our filter, the first of several; 0: not loaded */
	unsigned int position;  /* that of our filter, from 1; 0: single */
	__u32 priority;         /* that of our filter, as the dispatcher has it */
	unsigned int our_count; /* how many filters of ours run */
	unsigned int lost; /* the position of a filter of ours that the dispatcher lost; 0: none */
	struct held_filter held; /* only where we do not filter */
};

/* Reads the chain of an interface; an interface that has gone has none. Pins that may belong to a
 * loader at work are read again for up to three seconds: a chain that is about to be attached must
 * not look like one that was turned off. -EPERM without the capability, -EBUSY where the chain
 * keeps changing, or what else the kernel says, with a message; *out is unchanged then. */
int chain_read(const struct netdev *dev, struct chain *out, struct error *err);

/* The same for an interface that was just listed (<dataplane/netdev.h>): it is asked for once less,
 * and not at all if it had no program. */
int chain_read_listed(const struct rtnl_link *link, struct chain *out, struct error *err);

/* Does the interface still run our filter as that chain had it? Only looks at its main program and
 * at the links of our filter, so that it can be asked all the time. False: read the chain again. */
bool chain_goes_on(const struct rtnl_link *link, const struct chain *seen);

/* Does this program of ours run there? */
bool chain_has(const struct chain *chain, __u32 program_id);

/* Has its dispatcher lost components? Then libxdp does not take it for a chain any more. */
bool chain_is_broken(const struct chain *chain);

/* -EPROTO with a message that names both versions, where the libxdp here cannot change the
 * dispatcher: its format changed between releases. */
int chain_check_version(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Are we alone in a dispatcher that is older than those of the libxdp here? libxdp changes no such
 * dispatcher, but it still takes one off. */
bool chain_can_end(const struct chain *chain);

#endif
