// SPDX-License-Identifier: GPL-2.0
/*
 * Where are the pins of a chain whose interface has another number now?
 */
#include <dataplane/renumber.h>

#include <stdio.h>
#include <unistd.h>

#include <dataplane/pins.h>
#include <util/log.h>

/* The folder in which a dispatcher is pinned under another number. Its program id is unique. */
static bool find_chain(__u32 main_id, struct pinned_chain *out)
{
	auto_pins DIR *pins = pins_open();

	while (pins && pins_next_chain(pins, out))
		if (out->main_id == main_id)
			return true;
	return false;
}

void renumber_pins(const struct netdev *dev, const struct chain *chain)
{
	const struct pinned_chain here = { .ifindex = dev->ifindex, .main_id = chain->main_id };
	char old[PINS_PATH_SIZE], path[PINS_PATH_SIZE];
	struct pinned_chain there;

	pins_folder(&here, path);
	if (!chain->dispatcher || !access(path, F_OK) || !find_chain(chain->main_id, &there) ||
	    there.ifindex == dev->ifindex)
		return;
	pins_folder(&there, old);
	if (!rename(old, path))
		log_verbose("%s: was interface %u when its chain was pinned, and is %u now",
			    dev->name, there.ifindex, dev->ifindex);
}
