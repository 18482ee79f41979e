/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the screen of top know, from round to round?
 */
#ifndef TOP_STATE_H
#define TOP_STATE_H

#include <control/ranking.h>
#include <screen/sparkline.h>
#include <screen/top_view.h>
#include <stddef.h>

struct error;

#define TOP_STATE_ALARMS 3u

struct top_state {
	struct top_view view; /* what is drawn; its pointers are to what follows */
	const char **ifnames;
	struct top_table_source *sources;
	size_t source_capacity;
	uint64_t history[SPARKLINE_MAX];
	char alarms[TOP_STATE_ALARMS][512];
	const char *alarm_texts[TOP_STATE_ALARMS];
	struct looking_misses misses; /* before this round */
};

/* Returns 0, or a negative errno and sets *err, to be released all the same. */
int top_state_init(struct top_state *state, const struct ranking *ranking, unsigned int interval_ms,
		   struct error *err);
void top_state_done(struct top_state *state); /* also of a zeroed one */

/* Forgets the rounds: something else was asked for. */
void top_state_begin(struct top_state *state, const struct ranking *ranking);

/* Takes the round that was measured; while paused, forgets it. Returns 0, or a negative errno and
 * sets *err. */
int top_state_take(struct top_state *state, struct ranking *ranking, struct error *err);

/* Asks for what may change between two rounds: the time that is left to confirm a change. */
void top_state_refresh(struct top_state *state, const struct ranking *ranking);

/* Moves the first source that is shown, where `room` are. */
void top_state_scroll(struct top_state *state, size_t room, long by);

/* The next lengths of prefixes to group by; after the shortest come single addresses again. */
void top_state_group(unsigned int bits[IPF_FAMILIES]);

#endif
