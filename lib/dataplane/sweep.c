// SPDX-License-Identifier: GPL-2.0
/*
 * What did killed commands and others leave in bpffs, and may it be removed?
 */
#include <dataplane/sweep.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <dataplane/chain.h>
#include <dataplane/filter.h>
#include <dataplane/pins.h>
#include <dataplane/program_info.h>
#include <util/auto.h>
#include <util/log.h>

/* An interface, and what is asked about each chain that is pinned for it. */
struct sweeping {
	const struct netdev *dev;
	const __u32 *only; /* the program of ours that counts; NULL: any */
	struct ipf_location location;
	struct chain live;
};

static int begin(struct sweeping *sweeping, const struct netdev *dev, const __u32 *only)
{
	*sweeping = (struct sweeping){ .dev = dev, .only = only };
	netdev_location(dev, &sweeping->location);
	return chain_read(dev, &sweeping->live, NULL);
}

/* -- What a chain's pins hold ------------------------------------------------------------------ */

static bool is_program(int program, __u32 id)
{
	struct bpf_prog_info info;

	return !program_info(program, NULL, 0, &info) && info.id == id;
}

static bool is_live(const struct sweeping *sweeping, int program)
{
	for (unsigned int i = 0; i < sweeping->live.count; i++) {
		if (is_program(program, sweeping->live.components[i].program_id))
			return true;
	}
	return false;
}

/* A filter of ours that was loaded here, and the one that is asked for */
static bool is_ours(const struct sweeping *sweeping, int program)
{
	return filter_was_loaded_at(program, &sweeping->location) &&
	       (!sweeping->only || is_program(program, *sweeping->only));
}

struct contents {
	bool empty;
	bool unknown; /* a pin cannot be opened */
	bool live;    /* a component is in the live chain */
	bool ours;
};

static struct contents look_into(DIR *folder, const struct pin_name_chain *chain,
				 const struct sweeping *sweeping)
{
	struct contents contents = { .empty = true };
	struct pins_component component;

	while (pins_next_component(folder, chain, &component)) {
		auto_fd int program = component.program;

		contents.empty = false;
		contents.unknown = contents.unknown || program < 0;
		if (program < 0)
			continue;
		contents.live = contents.live || is_live(sweeping, program);
		contents.ours = contents.ours || is_ours(sweeping, program);
	}
	return contents;
}

/* -- Removing ---------------------------------------------------------------------------------- */

/* `except`: pins of filters that were loaded there stay; NULL: none stays. */
static void remove_pins(DIR *folder, const struct pin_name_chain *chain,
			const struct ipf_location *except)
{
	struct pins_component component;

	rewinddir(folder);
	while (pins_next_component(folder, chain, &component)) {
		auto_fd int program = component.program;

		if (program < 0 || !except || !filter_was_loaded_at(program, except))
			unlinkat(dirfd(folder), component.name, 0);
	}
}

static void remove_chain(DIR *folder, const struct pin_name_chain *chain,
			 const struct sweeping *sweeping)
{
	char path[PIN_NAME_SIZE];

	remove_pins(folder, chain, &sweeping->location);
	remove_pins(folder, chain, NULL);
	pin_name_of_chain(chain, path);
	if (!rmdir(path))
		log_verbose("removed %s, which a dead chain had left", path);
}

static void sweep_chain(DIR *pins, const struct pin_name_chain *chain,
			const struct sweeping *sweeping)
{
	pins_auto DIR *folder = pins_open_chain(pins, chain);
	struct contents contents;

	if (!folder)
		return;
	contents = look_into(folder, chain, sweeping);
	if (!contents.unknown && (contents.empty || contents.live || contents.ours))
		remove_chain(folder, chain, sweeping);
}

/* Removes what a killed libxdp left behind from its tests of the kernel. */
static void sweep_probes(DIR *pins)
{
	struct dirent *entry;
	struct stat status;

	rewinddir(pins);
	while ((entry = readdir(pins))) {
		if (pin_name_is_probe(entry->d_name) &&
		    !fstatat(dirfd(pins), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) &&
		    time(NULL) - status.st_mtime >= SWEEP_AGE_S)
			unlinkat(dirfd(pins), entry->d_name, 0);
	}
}

/* Reads the next chain that is pinned for this interface and is old enough. Returns false after the
 * last. */
static bool next_of(DIR *pins, const struct netdev *dev, unsigned int age_s,
		    struct pin_name_chain *out)
{
	while (pins_next_chain(pins, out)) {
		if (out->ifindex == dev->ifindex && !pins_changed_since(out, age_s))
			return true;
	}
	return false;
}

/* The live chain is read only if there is something to compare it with. */
void sweep(const struct netdev *dev)
{
	pins_auto DIR *pins = pins_open();
	struct sweeping sweeping = {};
	struct pin_name_chain chain;

	while (pins && next_of(pins, dev, SWEEP_AGE_S, &chain)) {
		if (!sweeping.dev && begin(&sweeping, dev, NULL))
			return;
		if (chain.main_id != sweeping.live.main_id)
			sweep_chain(pins, &chain, &sweeping);
	}
	if (pins)
		sweep_probes(pins);
}

static bool sweep_held(const struct netdev *dev, const __u32 *only)
{
	pins_auto DIR *pins = pins_open();
	struct sweeping sweeping = {};
	struct pin_name_chain chain;
	bool removed = false;

	while (pins && next_of(pins, dev, 0, &chain)) {
		pins_auto DIR *folder = NULL;

		if (!sweeping.dev && begin(&sweeping, dev, only))
			return false;
		if (chain.main_id == sweeping.live.main_id)
			continue;
		folder = pins_open_chain(pins, &chain);
		if (!folder || !look_into(folder, &chain, &sweeping).ours)
			continue;
		remove_chain(folder, &chain, &sweeping);
		removed = true;
	}
	return removed;
}

bool sweep_program(const struct netdev *dev, __u32 program_id)
{
	return sweep_held(dev, &program_id);
}

bool sweep_filters(const struct netdev *dev)
{
	return sweep_held(dev, NULL);
}

/* -- Chains of interfaces that are gone ------------------------------------------------------- */

static bool holds(DIR *folder, const struct pin_name_chain *chain, __u32 program_id)
{
	struct pins_component component;
	bool found = false;

	while (!found && pins_next_component(folder, chain, &component)) {
		auto_fd int program = component.program;

		found = program >= 0 && is_program(program, program_id);
	}
	return found;
}

void sweep_deleted(unsigned int ifindex, __u32 program_id)
{
	pins_auto DIR *pins = pins_open();
	const struct netdev dev = { .ifindex = ifindex };
	struct pin_name_chain chain;
	char path[PIN_NAME_SIZE];

	while (pins && next_of(pins, &dev, 0, &chain)) {
		pins_auto DIR *folder = pins_open_chain(pins, &chain);

		if (!folder || !holds(folder, &chain, program_id))
			continue;
		remove_pins(folder, &chain, NULL);
		pin_name_of_chain(&chain, path);
		if (!rmdir(path))
			log_verbose("removed %s, whose interface was deleted", path);
	}
}

/* -- Chains that nobody here runs -------------------------------------------------------------- */

static const struct netdev *find_dev(const struct netdev *devs, size_t count, unsigned int ifindex)
{
	for (size_t i = 0; i < count; i++) {
		if (devs[i].ifindex == ifindex)
			return &devs[i];
	}
	return NULL;
}

/* Does the interface run it, or could repair bring it back there? */
static bool is_accounted_for(const struct netdev *dev, DIR *pins,
			     const struct pin_name_chain *chain)
{
	pins_auto DIR *folder = NULL;
	struct sweeping sweeping;

	if (begin(&sweeping, dev, NULL) || sweeping.live.main_id == chain->main_id)
		return true;
	folder = pins_open_chain(pins, chain);
	return folder && look_into(folder, chain, &sweeping).ours;
}

void sweep_log_orphans(void)
{
	pins_auto DIR *pins = pins_open();
	auto_free struct netdev *devs = NULL;
	struct pin_name_chain chain;
	size_t count;

	if (!pins || netdev_all(&devs, &count, NULL))
		return;
	while (pins_next_chain(pins, &chain)) {
		const struct netdev *dev = find_dev(devs, count, chain.ifindex);
		char path[PIN_NAME_SIZE];

		if (dev && is_accounted_for(dev, pins, &chain))
			continue;
		pin_name_of_chain(&chain, path);
		log_verbose("a chain of interface %u is pinned, but does not run here; if no other "
			    "network namespace has that interface, 'rm -r %s' frees its memory",
			    chain.ifindex, path);
	}
}
