// SPDX-License-Identifier: GPL-2.0
/*
 * What does the screen of top know, from round to round?
 */
#include "top_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <control/pending.h>
#include <util/array.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/text.h>

#include "top_source.h"

/* -- What is looked at ------------------------------------------------------------------------- */

static const char *only_text(enum ranking_only only)
{
	static const char *const texts[] = {
		[RANKING_ALL] = NULL,
		[RANKING_DROP] = "drop",
		[RANKING_PASS] = "pass",
	};

	return texts[only];
}

void top_state_begin(struct top_state *state, const struct ranking *ranking)
{
	struct top_view *view = &state->view;

	view->only = only_text(ranking->wish.only);
	memcpy(view->bits, ranking->wish.bits, sizeof(view->bits));
	view->is_measured = view->is_paused = false;
	view->source_count = view->history_count = view->first = 0;
	state->misses = looking_count_misses(&ranking->looking);
}

int top_state_init(struct top_state *state, const struct ranking *ranking, unsigned int interval_ms,
		   struct error *err)
{
	const struct ifaces *ifaces = ranking->ifaces;

	state->ifnames = calloc(ifaces->count + 1, sizeof(*state->ifnames));
	if (!state->ifnames)
		return error_no_memory(err);
	for (size_t i = 0; i < ifaces->count; i++)
		state->ifnames[i] = ifaces->items[i].dev.name;
	for (size_t i = 0; i < TOP_STATE_ALARMS; i++)
		state->alarm_texts[i] = state->alarms[i];
	state->view = (struct top_view){
		.ifnames = state->ifnames,
		.ifname_count = ifaces->count,
		.interval_ms = interval_ms,
		.sample = ranking->wish.sample,
		.history = state->history,
		.alarms = state->alarm_texts,
	};
	top_state_begin(state, ranking);
	return 0;
}

void top_state_done(struct top_state *state)
{
	free(state->ifnames);
	free(state->sources);
}

void top_state_group(unsigned int bits[IPF_FAMILIES])
{
	static const unsigned int steps[][IPF_FAMILIES] = {
		{ [IPF_IPV4] = 32, [IPF_IPV6] = 128 },
		{ [IPF_IPV4] = 24, [IPF_IPV6] = 64 },
		{ [IPF_IPV4] = 16, [IPF_IPV6] = 48 },
		{ [IPF_IPV4] = 8, [IPF_IPV6] = 32 },
	};
	size_t next = 0;

	while (next < sizeof(steps) / sizeof(*steps) && steps[next][IPF_IPV4] >= bits[IPF_IPV4])
		next++;
	memcpy(bits, steps[next % (sizeof(steps) / sizeof(*steps))], sizeof(*steps));
}

/* -- Rounds ------------------------------------------------------------------------------------ */

static void note_total(struct top_state *state, uint64_t packets)
{
	struct top_view *view = &state->view;

	if (view->history_count == SPARKLINE_MAX) {
		view->history_count--;
		memmove(state->history, state->history + 1,
			view->history_count * sizeof(*state->history));
	}
	state->history[view->history_count++] = packets;
}

static int add_sources(struct top_state *state, const struct ranking *ranking,
		       struct ranking_iface *seen)
{
	const struct talker *ranked = talkers_rank(&seen->talkers);
	const size_t need = state->view.source_count + seen->talkers.count;

	if (array_reserve(&state->sources, &state->source_capacity, need, sizeof(*state->sources)))
		return -ENOMEM;
	for (__u32 i = 0; i < seen->talkers.count; i++) {
		struct top_table_source *source = &state->sources[state->view.source_count++];

		*source = top_source_describe(ranking, seen, &ranked[i]);
		source->ifname = ranking->ifaces->count > 1 ? seen->iface->dev.name : NULL;
	}
	return 0;
}

static int most_packets_first(const void *a, const void *b)
{
	const struct top_table_source *one = a, *other = b;

	if (one->packets != other->packets)
		return one->packets < other->packets ? 1 : -1;
	return prefix_compare(&one->prefix, &other->prefix);
}

static int take_sources(struct top_state *state, struct ranking *ranking, struct error *err)
{
	state->view.source_count = 0;
	for (size_t i = 0; i < ranking->ifaces->count; i++)
		if (add_sources(state, ranking, &ranking->items[i]))
			return error_no_memory(err);
	if (state->view.source_count)
		qsort(state->sources, state->view.source_count, sizeof(*state->sources),
		      most_packets_first);
	state->view.sources = state->sources;
	return 0;
}

static void take_totals(struct top_state *state, const struct ranking *ranking)
{
	const struct looking_misses now = looking_count_misses(&ranking->looking);
	struct top_view *view = &state->view;
	double packets = 0, bytes = 0, dropped = 0;

	view->samples = 0;
	for (size_t i = 0; i < ranking->ifaces->count; i++) {
		const struct ranking_iface *seen = &ranking->items[i];

		packets += seen->rates.packets[IPF_PASS] + seen->rates.packets[IPF_DROP];
		bytes += seen->rates.bytes[IPF_PASS] + seen->rates.bytes[IPF_DROP];
		dropped += seen->rates.packets[IPF_DROP];
		view->samples += seen->samples[IPF_PASS] + seen->samples[IPF_DROP];
	}
	view->packets = (uint64_t)(packets + 0.5);
	view->bytes = (uint64_t)(bytes + 0.5);
	view->dropped = (uint64_t)(dropped + 0.5);
	view->skipped = now.skipped - state->misses.skipped;
	view->lost = now.lost - state->misses.lost;
	state->misses = now;
}

int top_state_take(struct top_state *state, struct ranking *ranking, struct error *err)
{
	double packets = 0;

	if (state->view.is_paused) {
		state->misses = looking_count_misses(&ranking->looking);
		return 0;
	}
	for (size_t i = 0; i < ranking->ifaces->count; i++)
		packets += ranking_packets_per_s(ranking, &ranking->items[i]);
	note_total(state, (uint64_t)(packets + 0.5));
	take_totals(state, ranking);
	state->view.is_measured = true;
	return take_sources(state, ranking, err);
}

/* -- Alarms ------------------------------------------------------------------------------------ */

static bool is_observing(const struct ranking_iface *seen)
{
	return seen->observes;
}

static bool is_not_filtering(const struct ranking_iface *seen)
{
	return iface_state(seen->iface) == FILTER_STATE_NOT_FILTERING;
}

/* "OBSERVING, nothing is dropped: f0 f1" */
static void add_alarm(struct top_state *state, const struct ranking *ranking, const char *what,
		      bool (*applies)(const struct ranking_iface *))
{
	char text[sizeof(state->alarms[0])];
	size_t used = 0, count = 0;

	used = (size_t)snprintf(text, sizeof(text), "%s:", what);
	for (size_t i = 0; i < ranking->ifaces->count; i++) {
		if (!applies(&ranking->items[i]))
			continue;
		count++;
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
						 ranking->items[i].iface->dev.name);
	}
	if (count)
		text_printable(text, state->alarms[state->view.alarm_count++],
			       sizeof(state->alarms[0]));
}

/* "add on f0 will be undone in 42s; confirm it: xdp-ipfilter confirm" */
static void add_pending(struct top_state *state)
{
	struct pending pending;
	char left[DURATION_TEXT_SIZE], text[sizeof(state->alarms[0])];

	if (pending_read(&pending, NULL) || !pending.pid)
		return;
	duration_format(pending.left_s, left);
	if (pending.left_s)
		snprintf(text, sizeof(text), "%s will be undone in %s, unless confirmed: %.400s",
			 pending.command, left, pending.interfaces);
	else
		snprintf(text, sizeof(text), "%s is being undone: %.400s", pending.command,
			 pending.interfaces);
	text_printable(text, state->alarms[state->view.alarm_count++], sizeof(state->alarms[0]));
}

void top_state_refresh(struct top_state *state, const struct ranking *ranking)
{
	state->view.alarm_count = 0;
	add_alarm(state, ranking, "NOT FILTERING", is_not_filtering);
	add_alarm(state, ranking, "OBSERVING, nothing is dropped", is_observing);
	add_pending(state);
}

void top_state_scroll(struct top_state *state, size_t room, long by)
{
	struct top_view *view = &state->view;
	const long last = view->source_count > room ? (long)(view->source_count - room) : 0;
	const long to = (long)view->first + by;

	view->first = (size_t)(to < 0 ? 0 : to > last ? last : to);
}
