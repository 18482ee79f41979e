// SPDX-License-Identifier: GPL-2.0
/*
 * What does sync say of itself, and to whom?
 */
#include <sync/telling.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <source/following.h>
#include <sync/feeding.h>
#include <sync/feeds.h>
#include <sync/keep.h>
#include <sync/state.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/notify.h>
#include <util/number.h>

void telling_done(struct telling *telling)
{
	free(telling->state);
	*telling = (struct telling){ 0 };
	state_remove();
}

static struct state_interface describe_interface(const struct keep_item *item)
{
	return (struct state_interface){
		.ifname = item->dev.ifindex ? item->dev.name : item->wanted.name,
		.state = keep_state_name(item->state),
		.error = item->trouble.text[0] ? item->trouble.text : NULL,
	};
}

static struct state_source describe_source(const struct feeds *feeds, struct feeding *feeding)
{
	const char *trouble = feeding_trouble(feeding);
	const struct config_source *source = feeding_source(feeding);
	const struct following *following = feeding_following(feeding);

	return (struct state_source){
		.set = source->set,
		.from = source->location.text,
		.state = following_state_name(following_state(following)),
		.error = trouble ? trouble : feeds_trouble(feeds),
		.updated = feeding_updated(feeding),
		.rules = following->accepted,
		.failures = feeding_failures(feeding),
	};
}

/* "2 sources, 1 not fresh: 12 rules; 1 of 2 interfaces filtering" */
static void describe_all(const struct state *state, char *text, size_t size)
{
	char sources[NUMBER_COUNT_SIZE], rules[NUMBER_COUNT_SIZE], stale[64] = "";
	size_t not_fresh = 0, filtering = 0, rule_count = 0;
	int length;

	for (size_t i = 0; i < state->source_count; i++) {
		not_fresh += strcmp(state->sources[i].state, "fresh") != 0;
		rule_count += state->sources[i].rules;
	}
	for (size_t i = 0; i < state->interface_count; i++)
		filtering += !strcmp(state->interfaces[i].state, "filtering");
	if (not_fresh)
		snprintf(stale, sizeof(stale), ", %zu not fresh", not_fresh);
	length = snprintf(text, size, "%s%s: %s",
			  number_count(state->source_count, "source", sources), stale,
			  number_count(rule_count, "rule", rules));
	if (state->interface_count && length > 0 && (size_t)length < size)
		snprintf(text + length, size - (size_t)length, "; %zu of %zu interfaces filtering",
			 filtering, state->interface_count);
}

static void tell_systemd(struct telling *telling, const struct state *state)
{
	char text[sizeof(telling->status)];

	describe_all(state, text, sizeof(text));
	if (!strcmp(text, telling->status))
		return;
	notify_status("%s", text);
	memcpy(telling->status, text, sizeof(text));
}

/* What cannot be written is warned of once. An old file would pass for what is true now. */
static void tell_status(struct telling *telling, const struct state *state)
{
	struct error err = { 0 };

	if (state_write(state, &telling->state, &err)) {
		if (strcmp(telling->trouble.text, err.text) != 0)
			log_warning("%s; 'status' cannot show the sources meanwhile", err.text);
		state_remove();
		free(telling->state);
		telling->state = NULL;
	}
	telling->trouble = err;
}

void telling_tell(struct telling *telling, const struct keep *keep, const struct feeds *feeds)
{
	const size_t source_count = feeds_count(feeds);
	auto_free struct state_source *sources = calloc(source_count + 1, sizeof(*sources));
	auto_free struct state_interface *interfaces = calloc(keep->count + 1, sizeof(*interfaces));
	const struct state state = {
		.error = feeds_trouble(feeds),
		.sources = sources,
		.source_count = source_count,
		.interfaces = interfaces,
		.interface_count = keep->count,
	};

	if (!sources || !interfaces)
		return;
	for (size_t i = 0; i < source_count; i++)
		sources[i] = describe_source(feeds, feeds_item(feeds, i));
	for (size_t i = 0; i < keep->count; i++)
		interfaces[i] = describe_interface(&keep->items[i]);
	tell_status(telling, &state);
	tell_systemd(telling, &state);
}
