// SPDX-License-Identifier: GPL-2.0
/*
 * What is pinned for the chains of the system's interfaces?
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
#include <unistd.h>

#include <bpf/bpf.h>

#include <util/auto.h>
#include <util/error.h>

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
	size_t length = strlen(PIN_NAME_ROOT);
	char part[PIN_NAME_SIZE + NAME_MAX];

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

int pins_lock(struct error *err)
{
	auto_fd int fd = -1;
	int ret;

	if (mkdir(PIN_NAME_ROOT, 0700) && errno != EEXIST)
		goto fail;
	fd = open_folder(AT_FDCWD, PIN_NAME_ROOT, PIN_NAME_ROOT);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return auto_take_fd(&fd);
fail:
	ret = -errno;
	return error_set(err, ret, "cannot lock " PIN_NAME_ROOT ": %s", strerror(-ret));
}

/* -- One component ----------------------------------------------------------------------------- */

bool pins_has(const struct pin_name_chain *chain, unsigned int position, enum pin_name_kind kind)
{
	char path[PIN_NAME_SIZE];

	pin_name_of_component(chain, position, kind, path);
	return !access(path, R_OK | W_OK) || errno == EROFS ||
	       (admit(path) && !access(path, R_OK | W_OK));
}

int pins_open_program(const struct pin_name_chain *chain, unsigned int position)
{
	char path[PIN_NAME_SIZE];

	pin_name_of_component(chain, position, PIN_NAME_PROGRAM, path);
	return open_pin(path);
}

static int pin(const struct pin_name_chain *chain, unsigned int position, enum pin_name_kind kind,
	       int fd)
{
	char path[PIN_NAME_SIZE];

	pin_name_of_component(chain, position, kind, path);
	if (!bpf_obj_pin(fd, path) || errno == EEXIST)
		return 0;
	return -errno;
}

int pins_add(const struct pin_name_chain *chain, unsigned int position, int link, int program)
{
	char path[PIN_NAME_SIZE];
	int ret;

	pin_name_of_chain(chain, path);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	ret = pin(chain, position, PIN_NAME_LINK, link);
	return ret ? ret : pin(chain, position, PIN_NAME_PROGRAM, program);
}

void pins_remove_program(const struct pin_name_chain *chain, unsigned int position)
{
	char path[PIN_NAME_SIZE];

	pin_name_of_component(chain, position, PIN_NAME_PROGRAM, path);
	unlink(path);
}

/* -- All that is pinned ------------------------------------------------------------------------ */

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
	return open_directory(AT_FDCWD, PIN_NAME_ROOT, PIN_NAME_ROOT);
}

DIR *pins_open_chain(DIR *pins, const struct pin_name_chain *chain)
{
	char path[PIN_NAME_SIZE];
	const char *name = pin_name_of_chain(chain, path);

	return open_directory(dirfd(pins), name, path);
}

void pins_close(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

bool pins_next_chain(DIR *pins, struct pin_name_chain *out)
{
	struct dirent *entry;

	while ((entry = readdir(pins))) {
		if (pin_name_parse(entry->d_name, out))
			return true;
	}
	return false;
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

static void open_link(int link, struct pins_component *out)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return;
	out->dispatcher_id = info.tracing.target_obj_id;
	out->program = bpf_prog_get_fd_by_id(info.prog_id);
}

bool pins_next_component(DIR *folder, const struct pin_name_chain *chain,
			 struct pins_component *out)
{
	char path[PIN_NAME_SIZE], pin_path[PIN_NAME_SIZE + NAME_MAX + 1];
	enum pin_name_kind kind;
	auto_fd int fd = -1;

	*out = (struct pins_component){ .name = next_name(folder), .program = -1 };
	if (!out->name)
		return false;
	pin_name_of_chain(chain, path);
	snprintf(pin_path, sizeof(pin_path), "%s/%s", path, out->name);
	fd = open_pin(pin_path);
	kind = pin_name_kind_of(out->name);
	if (fd >= 0 && kind == PIN_NAME_PROGRAM)
		out->program = auto_take_fd(&fd);
	else if (fd >= 0 && kind == PIN_NAME_LINK)
		open_link(fd, out);
	return true;
}

bool pins_changed_since(const struct pin_name_chain *chain, unsigned int seconds)
{
	char path[PIN_NAME_SIZE];
	struct stat status;

	pin_name_of_chain(chain, path);
	return !lstat(path, &status) &&
	       llabs((long long)time(NULL) - status.st_mtime) < (long long)seconds;
}
