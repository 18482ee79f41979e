// SPDX-License-Identifier: GPL-2.0
/*
 * In which states can the filter of an interface be, and what are they called?
 */
#include <dataplane/filter_state.h>

static const struct state {
	const char *name;
	const char *text;
} states[] = {
	[FILTER_STATE_NOT_LOADED] = { "not-loaded", "not loaded" },
	[FILTER_STATE_CHAINED] = { "filtering-chained", "filtering, chained" },
	[FILTER_STATE_SINGLE] = { "filtering-single", "filtering, single" },
	[FILTER_STATE_NOT_FILTERING] = { "not-filtering", "attached but NOT filtering" },
};

const char *filter_state_name(enum filter_state state)
{
	return states[state].name;
}

const char *filter_state_text(enum filter_state state)
{
	return states[state].text;
}

const char *filter_state_text_observing(enum filter_state state)
{
	if (state == FILTER_STATE_CHAINED)
		return "observing, chained";
	if (state == FILTER_STATE_SINGLE)
		return "observing, single";
	return filter_state_text(state);
}
