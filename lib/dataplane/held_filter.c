// SPDX-License-Identifier: GPL-2.0
/*
 * Which filter that no longer runs on an interface do pins still hold?
 */
#include <dataplane/held_filter.h>

#include <stddef.h>

#include <dataplane/filter.h>
#include <dataplane/pins.h>
#include <dataplane/program_info.h>
#include <util/auto.h>

/* A loader attaches a chain right after it has pinned it, and then unpins the old chain. */
#define FRESH_SECONDS 2

static __u32 program_id(int program)
{
	struct bpf_prog_info info;

	return program_info(program, NULL, 0, &info) ? 0 : info.id;
}

/* `location`: where the filter must have been loaded; NULL: anywhere. */
static struct held_filter find_in_chain(DIR *folder, const struct pin_name_chain *chain,
					const struct ipf_location *location)
{
	struct held_filter held = { .main_id = chain->main_id };
	struct pins_component component;

	while (pins_next_component(folder, chain, &component)) {
		auto_fd int program = component.program;

		if (component.dispatcher_id == chain->main_id)
			held.dispatcher_id = chain->main_id;
		if (program < 0 || held.program_id)
			continue;
		if (location ? filter_was_loaded_at(program, location) :
			       filter_is_ours(program) > 0)
			held.program_id = program_id(program);
	}
	return held;
}

void held_filter_find_lost(const struct netdev *dev, __u32 main_id, struct held_filter *out)
{
	const struct pin_name_chain chain = { .ifindex = dev->ifindex, .main_id = main_id };
	pins_auto DIR *pins = pins_open();
	pins_auto DIR *folder = pins ? pins_open_chain(pins, &chain) : NULL;
	struct held_filter held = {};

	if (folder)
		held = find_in_chain(folder, &chain, NULL);
	if (held.program_id)
		*out = held;
}

void held_filter_find_turned_off(const struct netdev *dev, __u32 main_id, struct held_filter *out)
{
	pins_auto DIR *pins = pins_open();
	struct ipf_location location = {};
	struct pin_name_chain chain;
	struct held_filter held;

	while (pins && pins_next_chain(pins, &chain)) {
		pins_auto DIR *folder = NULL;

		if (chain.ifindex != dev->ifindex || chain.main_id == main_id ||
		    chain.main_id < out->main_id)
			continue;
		folder = pins_open_chain(pins, &chain);
		if (!folder)
			continue;
		if (!location.ifindex)
			netdev_location(dev, &location);
		held = find_in_chain(folder, &chain, &location);
		if (!held.program_id)
			continue;
		held.fresh = pins_changed_since(&chain, FRESH_SECONDS);
		*out = held;
	}
}
