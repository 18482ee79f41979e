/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where are the pins of a chain whose interface has another number now?
 */
#include <dataplane/renumber.h>

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include <dataplane/bpffs.h>
#include <util/log.h>

#define PATH_SIZE 96

static void chain_path(unsigned int ifindex, __u32 main_id, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, CHAIN_PINS_PATH "/dispatch-%u-%u", ifindex, main_id);
}

/* The number under which a dispatcher is pinned; 0 where it is not. Its program id is unique. */
static unsigned int find_number(__u32 main_id)
{
	DIR *pins = opendir(CHAIN_PINS_PATH);
	unsigned int found = 0;
	struct dirent *entry;

	while (pins && !found && (entry = readdir(pins))) {
		unsigned int ifindex, program_id;
		int end = 0;

		if (sscanf(entry->d_name, "dispatch-%u-%u%n", &ifindex, &program_id, &end) == 2 &&
		    !entry->d_name[end] && program_id == main_id)
			found = ifindex;
	}
	if (pins)
		closedir(pins);
	return found;
}

void renumber_pins(const struct netdev *dev, const struct chain *chain)
{
	char old[PATH_SIZE], path[PATH_SIZE];
	unsigned int number;

	chain_path(dev->ifindex, chain->main_id, path);
	if (!chain->dispatcher || !access(path, F_OK))
		return;
	number = find_number(chain->main_id);
	if (!number)
		return;
	chain_path(number, chain->main_id, old);
	if (!rename(old, path))
		log_verbose("%s: was interface %u when its chain was pinned, and is %u now",
			    dev->name, number, dev->ifindex);
}
