/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What runs on an interface, and are we in it?
 *
 * The answer comes from the kernel alone: the program that the interface has, and, where that is
 * libxdp's dispatcher, the links that put components into it. Pins are not asked: they can be
 * hidden, stale or gone while the chain runs, and there while it does not.
 */
#ifndef DATAPLANE_CHAIN_H
#define DATAPLANE_CHAIN_H

#include <dataplane/netdev.h>
#include <linux/types.h>
#include <stdbool.h>

struct error;

enum attach_mode { MODE_UNSPECIFIED, MODE_NATIVE, MODE_SKB, MODE_HW };
const char *attach_mode_name(enum attach_mode mode); /* "native", "skb", "hw", "unspecified" */
int attach_mode_parse(const char *text, enum attach_mode *out); /* -EINVAL */

enum filter_state {
	FILTER_NOT_LOADED,
	FILTER_CHAINED,
	FILTER_SINGLE,
	FILTER_NOT_FILTERING, /* a dispatcher whose components are gone, we perhaps among them */
};
const char *filter_state_name(enum filter_state state); /* JSON: "filtering-chained", ... */
const char *filter_state_text(enum filter_state state); /* "filtering, chained", ... */

#define CHAIN_MAX 10 /* what libxdp's dispatcher has room for */

/* What <dataplane/mend.h> puts where a component is gone, for a moment. It is no component. */
#define CHAIN_GAP_NAME "ipf_gap"

struct chain_member {
	__u32 program_id;
	__u32 link_id;
	unsigned int position; /* from 1 */
	bool frags;            /* copes with frames of several buffers */
	char name[16];
};

struct chain {
	enum filter_state state;
	enum attach_mode mode; /* the one in effect; MODE_UNSPECIFIED while nothing is attached */
	__u32 main_id;         /* program on the interface, 0 for none */
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
	__u32 program_id;      /* ours, 0 while not loaded */
	unsigned int position; /* ours in the chain, from 1; 0 when single */
};

/* Has its dispatcher lost components? libxdp then does not know it as a chain any more. */
static inline bool chain_is_broken(const struct chain *chain)
{
	return chain->dispatcher && chain->count < chain->expected;
}

/* -EPROTO with the words, naming both versions, where the libxdp here cannot work on the dispatcher: its
 * format changed between releases. */
int chain_check_version(const struct netdev *dev, const struct chain *chain, struct error *err);

/* Are we alone in a dispatcher that is older than those of the libxdp here? That it still takes off, though
 * it changes none. */
bool chain_can_end(const struct chain *chain);

/* -EPERM without the capability, and what the kernel says otherwise. */
int chain_read(const struct netdev *dev, struct chain *out, struct error *err);

#endif
