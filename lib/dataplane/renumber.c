// SPDX-License-Identifier: GPL-2.0
/*
 * Where are the pins of a chain whose interface has a new number?
 */
#include <dataplane/renumber.h>

#include <stdio.h>
#include <unistd.h>

#include <dataplane/pins.h>
#include <util/log.h>

/* Finds the folder in which the dispatcher with this (unique) program id is pinned. */
static bool find_chain(__u32 main_id, struct pin_name_chain *out)
{
	pins_auto DIR *pins = pins_open();

	while (pins && pins_next_chain(pins, out))
		if (out->main_id == main_id)
			return true;
	return false;
}

void renumber_pins(const struct netdev *dev, const struct chain *chain)
{
	const struct pin_name_chain here = { .ifindex = dev->ifindex, .main_id = chain->main_id };
	char old[PIN_NAME_SIZE], path[PIN_NAME_SIZE];
	struct pin_name_chain there;

	pin_name_of_chain(&here, path);
	if (!chain->dispatcher || !access(path, F_OK) || !find_chain(chain->main_id, &there) ||
	    there.ifindex == dev->ifindex)
		return;
	pin_name_of_chain(&there, old);
	if (!rename(old, path))
		log_verbose("%s: was interface %u when its chain was pinned, and is %u now",
			    dev->name, there.ifindex, dev->ifindex);
}
