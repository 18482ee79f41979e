// SPDX-License-Identifier: GPL-2.0
/*
 * What is pinned for the chains of an interface, and which filter do pins hold that runs no more?
 */
#include <dataplane/pins.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <bpf/bpf.h>

#include <dataplane/bpffs.h>
#include <dataplane/filter.h>
#include <util/auto.h>
#include <util/error.h>

/* A loader attaches a chain at once after it has pinned it, and unpins the old one at once after that. */
#define FRESH_SECONDS 2

void pins_folder(const struct pinned_chain *chain, char path[PINS_PATH_SIZE])
{
	snprintf(path, PINS_PATH_SIZE, CHAIN_PINS_PATH "/dispatch-%u-%u", chain->ifindex,
		 chain->main_id);
}

void pins_path(unsigned int ifindex, __u32 main_id, unsigned int slot, const char *what,
	       char path[PINS_PATH_SIZE])
{
	snprintf(path, PINS_PATH_SIZE, CHAIN_PINS_PATH "/dispatch-%u-%u/prog%u-%s", ifindex,
		 main_id, slot, what);
}

/* -- Permissions ------------------------------------------------------------------------------- */

static void give_back_permission(const char *path)
{
	struct stat status;
	mode_t mode;

	if (stat(path, &status))
		return;
	mode = status.st_mode | S_IRUSR | S_IWUSR | (S_ISDIR(status.st_mode) ? S_IXUSR : 0);
	if (mode != status.st_mode)
		chmod(path, mode & (S_ISUID | S_ISGID | S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO));
}

/* Is it worth another try, after what has just failed? */
static bool admit(const char *path)
{
	size_t length = strlen(CHAIN_PINS_PATH);
	char part[PINS_PATH_SIZE + NAME_MAX];

	if (errno != EACCES)
		return false;
	for (;;) {
		snprintf(part, sizeof(part), "%.*s", (int)length, path);
		give_back_permission(part);
		if (!path[length])
			return true;
		length += 1 + strcspn(path + length + 1, "/");
	}
}

static int open_pin(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0 && admit(path))
		fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int open_folder(int at, const char *name, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(at, name, flags);

	if (fd < 0 && admit(path))
		fd = openat(at, name, flags);
	return fd;
}

/* -- One pin ----------------------------------------------------------------------------------- */

bool pins_has(unsigned int ifindex, __u32 main_id, unsigned int slot, const char *what)
{
	char path[PINS_PATH_SIZE];

	pins_path(ifindex, main_id, slot, what, path);
	return !access(path, R_OK | W_OK) || errno == EROFS ||
	       (admit(path) && !access(path, R_OK | W_OK));
}

int pins_open_program(unsigned int ifindex, __u32 main_id, unsigned int slot)
{
	char path[PINS_PATH_SIZE];

	pins_path(ifindex, main_id, slot, "prog", path);
	return open_pin(path);
}

int pins_lock(struct error *err)
{
	auto_fd int fd = -1;
	int ret;

	if (mkdir(CHAIN_PINS_PATH, 0700) && errno != EEXIST)
		goto fail;
	fd = open_folder(AT_FDCWD, CHAIN_PINS_PATH, CHAIN_PINS_PATH);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return auto_take_fd(&fd);
fail:
	ret = -errno;
	return error_set(err, ret, "cannot lock " CHAIN_PINS_PATH ": %s", strerror(-ret));
}

/* -- Directories ------------------------------------------------------------------------------- */

static DIR *open_directory(int at, const char *name, const char *path)
{
	int fd = open_folder(at, name, path);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !folder)
		close(fd);
	return folder;
}

DIR *pins_open(void)
{
	return open_directory(AT_FDCWD, CHAIN_PINS_PATH, CHAIN_PINS_PATH);
}

DIR *pins_open_chain(DIR *pins, const struct pinned_chain *chain)
{
	char path[PINS_PATH_SIZE];

	pins_folder(chain, path);
	return open_directory(dirfd(pins), chain->name, path);
}

void pins_close(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

bool pins_next_chain(DIR *pins, struct pinned_chain *out)
{
	struct dirent *entry;

	while ((entry = readdir(pins))) {
		int end = 0;

		if (sscanf(entry->d_name, "dispatch-%u-%u%n", &out->ifindex, &out->main_id, &end) ==
			    2 &&
		    !entry->d_name[end] && strlen(entry->d_name) < sizeof(out->name)) {
			strcpy(out->name, entry->d_name);
			return true;
		}
	}
	return false;
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && !strcmp(name + length - end_length, end);
}

/* *dispatcher_id is set where it is a link that is open now. */
static int open_component(const struct pinned_chain *chain, const char *name, __u32 *dispatcher_id)
{
	struct bpf_link_info link = {};
	__u32 size = sizeof(link);
	char path[PINS_PATH_SIZE + NAME_MAX];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), CHAIN_PINS_PATH "/%s/%s", chain->name, name);
	fd = open_pin(path);
	if (fd < 0)
		return -1;
	if (ends_with(name, "-prog"))
		return auto_take_fd(&fd);
	if (!ends_with(name, "-link") || bpf_obj_get_info_by_fd(fd, &link, &size))
		return -1;
	if (dispatcher_id)
		*dispatcher_id = link.tracing.target_obj_id;
	return bpf_prog_get_fd_by_id(link.prog_id);
}

static const char *next_name(DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	}
	return NULL;
}

const char *pins_next_component(DIR *folder, const struct pinned_chain *chain, int *program)
{
	const char *name = next_name(folder);

	*program = name ? open_component(chain, name, NULL) : -1;
	return name;
}

bool pins_changed_since(DIR *pins, const struct pinned_chain *chain, unsigned int seconds)
{
	struct stat status;

	return !fstatat(dirfd(pins), chain->name, &status, AT_SYMLINK_NOFOLLOW) &&
	       llabs((long long)time(NULL) - status.st_mtime) < (long long)seconds;
}

/* -- Filters that run no more ------------------------------------------------------------------ */

static __u32 program_id(int program)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &size) ? 0 : info.id;
}

static void find_in_chain(DIR *folder, const struct pinned_chain *chain,
			  const struct ipf_location *location, struct held_filter *held)
{
	const char *name;

	*held = (struct held_filter){ .main_id = chain->main_id };
	while ((name = next_name(folder))) {
		__u32 dispatcher_id = 0;
		auto_fd int program = open_component(chain, name, &dispatcher_id);

		if (dispatcher_id == chain->main_id)
			held->dispatcher_id = dispatcher_id;
		if (program < 0 || held->program_id)
			continue;
		if (location ? filter_was_loaded_at(program, location) :
			       filter_is_ours(program) > 0)
			held->program_id = program_id(program);
	}
}

void pins_find_lost(const struct netdev *dev, __u32 main_id, struct held_filter *out)
{
	struct pinned_chain chain = { .ifindex = dev->ifindex, .main_id = main_id };
	auto_pins DIR *pins = pins_open();
	auto_pins DIR *folder = NULL;
	struct held_filter held = {};

	snprintf(chain.name, sizeof(chain.name), "dispatch-%u-%u", dev->ifindex, main_id);
	folder = pins ? pins_open_chain(pins, &chain) : NULL;
	if (folder)
		find_in_chain(folder, &chain, NULL, &held);
	if (held.program_id)
		*out = held;
}

void pins_find_turned_off(const struct netdev *dev, __u32 main_id, struct held_filter *out)
{
	auto_pins DIR *pins = pins_open();
	struct pinned_chain chain;
	struct held_filter held;
	struct ipf_location location = {};

	while (pins && pins_next_chain(pins, &chain)) {
		auto_pins DIR *folder = NULL;

		if (chain.ifindex != dev->ifindex || chain.main_id == main_id ||
		    chain.main_id < out->main_id)
			continue;
		folder = pins_open_chain(pins, &chain);
		if (!folder)
			continue;
		if (!location.ifindex)
			netdev_location(dev, &location);
		find_in_chain(folder, &chain, &location, &held);
		if (!held.program_id)
			continue;
		held.fresh = pins_changed_since(pins, &chain, FRESH_SECONDS);
		*out = held;
	}
}
