// SPDX-License-Identifier: GPL-2.0
/*
 * What did killed commands and others leave in bpffs, and may it go?
 */
#include <dataplane/sweep.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <bpf/bpf.h>

#include <dataplane/bpffs.h>
#include <dataplane/chain.h>
#include <dataplane/filter.h>
#include <dataplane/pins.h>
#include <util/auto.h>
#include <util/log.h>

/* What libxdp pins for a moment, to learn whether the kernel has what a dispatcher needs. */
#define PROBE_PREFIX "prog-test-link-"

static bool is_program(int program, __u32 id)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return !bpf_obj_get_info_by_fd(program, &info, &size) && info.id == id;
}

static bool in_chain(const struct chain *chain, int program)
{
	for (unsigned int i = 0; i < chain->count; i++) {
		if (is_program(program, chain->components[i].program_id))
			return true;
	}
	return false;
}

/* What the pins of a chain say about it. */
struct contents {
	bool empty;
	bool unknown; /* a pin that cannot be opened */
	bool shared;  /* a component is in the live chain */
	bool ours;    /* a filter that was loaded here, this program where one is asked for */
};

static struct contents look_into(DIR *folder, const struct pinned_chain *chain,
				 const struct chain *live, const struct ipf_location *location,
				 __u32 program_id)
{
	struct contents contents = { .empty = true };
	int program;

	while (pins_next_component(folder, chain, &program)) {
		auto_fd int fd = program;

		contents.empty = false;
		contents.unknown = contents.unknown || fd < 0;
		if (fd < 0)
			continue;
		contents.shared = contents.shared || in_chain(live, fd);
		contents.ours = contents.ours || (filter_was_loaded_at(fd, location) &&
						  (!program_id || is_program(fd, program_id)));
	}
	return contents;
}

static void remove_pins(DIR *folder, const struct pinned_chain *chain,
			const struct ipf_location *except)
{
	const char *name;
	int program;

	rewinddir(folder);
	while ((name = pins_next_component(folder, chain, &program))) {
		auto_fd int fd = program;

		if (fd < 0 || !except || !filter_was_loaded_at(fd, except))
			unlinkat(dirfd(folder), name, 0);
	}
}

static void remove_chain(DIR *pins, DIR *folder, const struct pinned_chain *chain,
			 const struct ipf_location *location)
{
	remove_pins(folder, chain, location);
	remove_pins(folder, chain, NULL);
	if (!unlinkat(dirfd(pins), chain->name, AT_REMOVEDIR))
		log_verbose("removed %s/%s, which a dead chain had left", CHAIN_PINS_PATH,
			    chain->name);
}

static void sweep_chain(DIR *pins, const struct pinned_chain *chain, const struct chain *live,
			const struct ipf_location *location)
{
	auto_pins DIR *folder = NULL;
	struct contents contents;

	if (pins_changed_since(pins, chain, SWEEP_AGE_S))
		return;
	folder = pins_open_chain(pins, chain);
	if (!folder)
		return;
	contents = look_into(folder, chain, live, location, 0);
	if (!contents.unknown && (contents.empty || contents.shared || contents.ours))
		remove_chain(pins, folder, chain, location);
}

/* What libxdp had no time to remove when it had learnt what the kernel can. */
static void sweep_probes(DIR *pins)
{
	struct dirent *entry;
	struct stat status;

	rewinddir(pins);
	while ((entry = readdir(pins))) {
		if (!strncmp(entry->d_name, PROBE_PREFIX, strlen(PROBE_PREFIX)) &&
		    !fstatat(dirfd(pins), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
		    time(NULL) - status.st_mtime >= SWEEP_AGE_S)
			unlinkat(dirfd(pins), entry->d_name, 0);
	}
}

void sweep(const struct netdev *dev)
{
	auto_pins DIR *pins = pins_open();
	struct pinned_chain chain;
	struct ipf_location location;
	struct chain live;

	if (!pins || chain_read(dev, &live, NULL))
		return;
	netdev_location(dev, &location);
	while (pins_next_chain(pins, &chain)) {
		if (chain.ifindex == dev->ifindex && chain.main_id != live.main_id)
			sweep_chain(pins, &chain, &live, &location);
	}
	sweep_probes(pins);
}

bool sweep_filter(const struct netdev *dev, __u32 program_id)
{
	auto_pins DIR *pins = pins_open();
	struct pinned_chain chain;
	struct ipf_location location;
	struct chain live;
	bool removed = false;

	if (!pins || chain_read(dev, &live, NULL))
		return false;
	netdev_location(dev, &location);
	while (pins_next_chain(pins, &chain)) {
		auto_pins DIR *folder = NULL;

		if (chain.ifindex != dev->ifindex || chain.main_id == live.main_id)
			continue;
		folder = pins_open_chain(pins, &chain);
		if (!folder || !look_into(folder, &chain, &live, &location, program_id).ours)
			continue;
		remove_chain(pins, folder, &chain, &location);
		removed = true;
	}
	return removed;
}

/* Does its interface run it, or could repair bring it back there? */
static bool is_accounted_for(const struct netdev *devs, size_t count, DIR *pins,
			     const struct pinned_chain *pinned)
{
	auto_pins DIR *folder = NULL;
	struct ipf_location location;
	struct chain chain;
	size_t i = 0;

	while (i < count && devs[i].ifindex != pinned->ifindex)
		i++;
	if (i == count)
		return false;
	if (chain_read(&devs[i], &chain, NULL) || chain.main_id == pinned->main_id)
		return true;
	folder = pins_open_chain(pins, pinned);
	netdev_location(&devs[i], &location);
	return folder && look_into(folder, pinned, &chain, &location, 0).ours;
}

void sweep_report(void)
{
	auto_pins DIR *pins = pins_open();
	auto_free struct netdev *devs = NULL;
	struct pinned_chain chain;
	size_t count;

	if (!pins || netdev_all(&devs, &count, NULL))
		return;
	while (pins_next_chain(pins, &chain)) {
		if (!is_accounted_for(devs, count, pins, &chain))
			log_verbose(
				"a chain of interface %u is pinned that does not run here; if that "
				"interface is in no other network namespace either, 'rm -r %s/%s' "
				"frees its memory",
				chain.ifindex, CHAIN_PINS_PATH, chain.name);
	}
}
