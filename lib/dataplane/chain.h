/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What runs on an interface, are we in it, and were we?
 *
 * What runs is told by the kernel alone: the program that the interface has, and, where that is
 * libxdp's dispatcher, the links that put components into it. Pins are not asked for that: they can be
 * hidden, stale or gone while the chain runs, and there while it does not.
 *
 * Where our filter does not run, signs tell whether it should: our mark in the dispatcher at the place of
 * a component that is gone, and pins that still hold our program. Without a sign a broken chain is
 * somebody else's. These are the states of an interface; "status" is its exit code:
 *
 *   state                             status  load            unload           repair
 *   FILTER_STATE_NOT_LOADED                    3    loads           not loaded (3)   not loaded (3)
 *     another program is there alone     3    refused: take   not loaded (3)   not loaded (3)
 *     its chain is broken, not ours      3    that off first  not loaded (3)   not loaded (3)
 *     its chain lacks pins               3    makes them,     not loaded (3)   not loaded (3)
 *                                             then loads
 *     held: somebody turned us off       3    loads anew      ends what is     brings the chain back, or
 *     ("xdp off"), pins hold us               beside it       held             us into the one there
 *   FILTER_STATE_CHAINED, FILTER_STATE_SINGLE        0    loaded already  takes us off     leaves it
 *     others of its chain are gone       0    loaded already  mends, and       closes the gaps
 *                                                             takes us off
 *     its chain lacks pins               0    loaded already  the same         makes them
 *     two or more filters of ours        0    loaded already  takes all off    leaves it
 *   FILTER_STATE_NOT_FILTERING, held           1    refused: repair mends, and       brings us back with our
 *                                                             takes us off     rules and counters
 *   FILTER_STATE_NOT_FILTERING, not held:      1    refused: repair closes the gaps  refused without rules
 *     the rules are lost                      -f FILE                          given, else loads anew
 *
 * The commands on rules and counters refuse an interface that does not filter (exit 1, or 3 where it is
 * not loaded); without a name they warn of each that lost its filter, and take the others. They refuse to choose
 * one of two filters (1). Every refusal names the command that helps: chain_advice(). What it names works
 * when it is typed next; testing/e2e/test_advice.py walks through all of them.
 */
#ifndef DATAPLANE_CHAIN_H
#define DATAPLANE_CHAIN_H

#include <dataplane/netdev.h>
#include <dataplane/pins.h>
#include <linux/types.h>
#include <stdbool.h>

struct error;

enum attach_mode { ATTACH_MODE_UNSPECIFIED, ATTACH_MODE_NATIVE, ATTACH_MODE_SKB, ATTACH_MODE_HW };
const char *attach_mode_name(enum attach_mode mode); /* "native", "skb", "hw", "unspecified" */
int attach_mode_parse(const char *text, enum attach_mode *out); /* -EINVAL */
__u32 attach_mode_flags(enum attach_mode mode);                 /* XDP_FLAGS_... */

enum filter_state {
	FILTER_STATE_NOT_LOADED,
	FILTER_STATE_CHAINED,
	FILTER_STATE_SINGLE,
	FILTER_STATE_NOT_FILTERING, /* a dispatcher whose components are gone, we among them */
};
const char *filter_state_name(enum filter_state state); /* JSON: "filtering-chained", ... */
const char *filter_state_text(enum filter_state state); /* "filtering, chained", ... */

#define CHAIN_MAX 10 /* what libxdp's dispatcher has room for */

/* What <dataplane/repair.h> puts where a component is gone, for a moment. It is no component. */
#define CHAIN_GAP_NAME "ipf_gap"

/* Our mark: the chain goes on after this action, which no program returns. libxdp writes it into the
 * dispatcher and keeps it whenever the chain is rebuilt, so it outlives our program and its pins. */
#define CHAIN_MARK_ACTION 30

struct chain_member {
	__u32 program_id;
	__u32 link_id;
	unsigned int position; /* from 1 */
	__u32 priority;
	bool frags; /* copes with frames of several buffers */
	bool ours;
	char name[16];
};

struct chain {
	enum filter_state state;
	enum attach_mode
		mode;  /* the one in effect; ATTACH_MODE_UNSPECIFIED while nothing is attached */
	__u32 main_id; /* program on the interface, 0 for none */
	char main_name[16];
	bool dispatcher; /* the main program is libxdp's dispatcher */
	bool untold; /* the kernel does not tell what the dispatcher runs (before 5.13): nothing below
			  * is known, but that it is not us */
	unsigned int dispatcher_version;
	unsigned int expected;                  /* components that the dispatcher was built for; of
						 * another version, those that it has */
	unsigned int count;                     /* components that are linked to it */
	struct chain_member members[CHAIN_MAX]; /* by position */
	unsigned int gap_count;
	struct chain_member gaps[CHAIN_MAX];
	__u32 program_id;        /* ours, 0 while not loaded; of several the first in the chain */
	unsigned int position;   /* ours in the chain, from 1; 0 when single */
	__u32 priority;          /* ours in the chain, as the dispatcher has it */
	unsigned int our_count;  /* how many of the programs are ours */
	unsigned int lost;       /* the place, from 1, of one of ours that the dispatcher lost */
	struct held_filter held; /* only where we do not filter */
};

/* Has its dispatcher lost components? libxdp then does not know it as a chain any more. */
static inline bool chain_is_broken(const struct chain *chain)
{
	return chain->dispatcher && chain->count < chain->expected;
}

/* Does that program of ours run there? */
bool chain_has(const struct chain *chain, __u32 program_id);

/* What helps on an interface where our filter does not run: what is the matter with it where its state does not
 * say it, and the command to type. A clause to follow filter_state_text(). */
#define CHAIN_ADVICE_SIZE 320
const char *chain_advice(const struct netdev *dev, const struct chain *chain,
			 char text[CHAIN_ADVICE_SIZE]);

/* -EPROTO with the words, naming both versions, where the libxdp here cannot work on the dispatcher: its
 * format changed between releases. */
int chain_check_version(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Are we alone in a dispatcher that is older than those of the libxdp here? That it still takes off, though
 * it changes none. */
bool chain_can_end(const struct chain *chain);

/* -EPERM without the capability, and what the kernel says otherwise. Where somebody is just loading, it
 * waits up to two seconds for the end of that, so that a chain that comes is not taken for one that was left. */
int chain_read(const struct netdev *dev, struct chain *out, struct error *err);

#endif
