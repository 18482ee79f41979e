/* SPDX-License-Identifier: GPL-2.0 */
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
#include <util/cleanup.h>
#include <util/log.h>

/* What libxdp pins for a moment, to learn whether the kernel has what a dispatcher needs. */
#define PROBE_PREFIX "prog-test-link-"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
#define auto_folder __attribute__((cleanup(close_folder)))

static DIR *open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !folder)
		close(fd);
	return folder;
}

static bool is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool is_old(int at, const char *name)
{
	struct stat status;

	return !fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) &&
	       time(NULL) - status.st_mtime >= SWEEP_AGE_S;
}

/* The program that is pinned, or that the pinned link puts into a dispatcher; -1 for neither. */
static int open_component(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct bpf_link_info link = {};
	__u32 size = sizeof(link);
	auto_fd int fd = -1;
	size_t length = strlen(name);

	snprintf(path, sizeof(path), CHAIN_PINS_PATH "/%s/%s", folder, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	if (length > 5 && !strcmp(name + length - 5, "-prog"))
		return fd_take(&fd);
	if (length > 5 && !strcmp(name + length - 5, "-link") &&
	    !bpf_obj_get_info_by_fd(fd, &link, &size))
		return bpf_prog_get_fd_by_id(link.prog_id);
	return -1;
}

static bool in_chain(const struct chain *chain, int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size))
		return false;
	for (unsigned int i = 0; i < chain->count; i++) {
		if (chain->members[i].program_id == info.id)
			return true;
	}
	return false;
}

static bool was_this_interfaces(DIR *folder, const char *name, const struct chain *chain,
				const struct ipf_place *place)
{
	bool empty = true, shared = false, ours = false;
	struct dirent *entry;

	while ((entry = readdir(folder))) {
		auto_fd int program = -1;

		if (!is_entry(entry))
			continue;
		program = open_component(name, entry->d_name);
		if (program < 0)
			return false;
		empty = false;
		shared = shared || in_chain(chain, program);
		ours = ours || filter_was_loaded_at(program, place);
	}
	return empty || shared || ours;
}

static void remove_folder(int pins, DIR *folder, const char *name)
{
	struct dirent *entry;

	rewinddir(folder);
	while ((entry = readdir(folder))) {
		if (is_entry(entry))
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	if (!unlinkat(pins, name, AT_REMOVEDIR))
		log_verbose("removed %s/%s, which a dead chain had left", CHAIN_PINS_PATH, name);
}

static void sweep_chain(int pins, const char *name, const struct chain *chain,
			const struct ipf_place *place)
{
	auto_folder DIR *folder = NULL;

	if (!is_old(pins, name))
		return;
	folder = open_folder(pins, name);
	if (folder && was_this_interfaces(folder, name, chain, place))
		remove_folder(pins, folder, name);
}

/* The numbers of a name that libxdp gave to the folder of a chain. */
static bool is_chain(const char *name, unsigned int *ifindex, unsigned int *program_id)
{
	int end = 0;

	return sscanf(name, "dispatch-%u-%u%n", ifindex, program_id, &end) == 2 && !name[end];
}

void sweep(const struct netdev *dev)
{
	auto_folder DIR *pins = open_folder(AT_FDCWD, CHAIN_PINS_PATH);
	struct dirent *entry;
	struct ipf_place place;
	struct chain chain;

	if (!pins || chain_read(dev, &chain, NULL))
		return;
	netdev_place(dev, &place);
	while ((entry = readdir(pins))) {
		unsigned int ifindex, program_id;

		if (is_chain(entry->d_name, &ifindex, &program_id) && ifindex == dev->ifindex &&
		    program_id != chain.main_id)
			sweep_chain(dirfd(pins), entry->d_name, &chain, &place);
		else if (!strncmp(entry->d_name, PROBE_PREFIX, strlen(PROBE_PREFIX)) &&
			 is_old(dirfd(pins), entry->d_name))
			unlinkat(dirfd(pins), entry->d_name, 0);
	}
}

static bool is_live(const struct netdev *devs, size_t count, unsigned int ifindex,
		    unsigned int program_id)
{
	struct chain chain;

	for (size_t i = 0; i < count; i++) {
		if (devs[i].ifindex == ifindex)
			return !chain_read(&devs[i], &chain, NULL) && chain.main_id == program_id;
	}
	return false;
}

void sweep_report(void)
{
	auto_folder DIR *pins = open_folder(AT_FDCWD, CHAIN_PINS_PATH);
	auto_free struct netdev *devs = NULL;
	struct dirent *entry;
	size_t count;

	if (!pins || netdev_all(&devs, &count, NULL))
		return;
	while ((entry = readdir(pins))) {
		unsigned int ifindex, program_id;

		if (is_chain(entry->d_name, &ifindex, &program_id) &&
		    !is_live(devs, count, ifindex, program_id))
			log_verbose(
				"a chain of interface %u is pinned that does not run here; if that "
				"interface is in no other network namespace either, 'rm -r %s/%s' "
				"frees its memory",
				ifindex, CHAIN_PINS_PATH, entry->d_name);
	}
}
