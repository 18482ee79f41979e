/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which states can the filter of an interface be, and what are they called?
 *
 * <dataplane/chain.h> says what each command does in each state.
 */
#ifndef DATAPLANE_FILTER_STATE_H
#define DATAPLANE_FILTER_STATE_H

enum filter_state {
	FILTER_STATE_NOT_LOADED,
	FILTER_STATE_CHAINED,       /* filtering, in a chain that other programs can join */
	FILTER_STATE_SINGLE,        /* filtering, alone on the interface */
	FILTER_STATE_NOT_FILTERING, /* a dispatcher has lost components, our filter among them */
};

/* For JSON: "not-loaded", "filtering-chained", "filtering-single", "not-filtering". */
const char *filter_state_name(enum filter_state state);

/* For people: "filtering, chained", "attached but NOT filtering", ... */
const char *filter_state_text(enum filter_state state);

/* The same of a filter that drops nothing (<dataplane/enforcement.h>): "observing, chained". */
const char *filter_state_text_observing(enum filter_state state);

#endif
