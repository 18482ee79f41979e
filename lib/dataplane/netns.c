// SPDX-License-Identifier: GPL-2.0
/*
 * Which network namespaces are there besides this one?
 *
 * Leaves out namespaces that cannot be opened or entered: a process can end at any time, and the
 * kernel does not let us look at one with more capabilities than ours.
 */
#include <dataplane/netns.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

struct search {
	int (*visit)(const char *path, void *data);
	void *data;
	ino_t *seen; /* this namespace first */
	size_t count;
	size_t capacity;
};

static bool is_new(struct search *search, ino_t inode)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->seen[i] == inode)
			return false;
	if (array_reserve(&search->seen, &search->capacity, search->count + 1,
			  sizeof(*search->seen)))
		return false;
	search->seen[search->count++] = inode;
	return true;
}

static int look_at(struct search *search, const char *path)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) || !is_new(search, status.st_ino) ||
	    setns(fd, CLONE_NEWNET))
		return 0;
	return search->visit(path, search->data);
}

/* The kernel's tables write a blank as \040, and so on. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		unsigned int code;

		if (sscanf(text, "\\%3o", &code) == 1) {
			*out++ = (char)code;
			text += 4;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* A line: "... <root> <mount point> <options> ... - nsfs nsfs rw"; the root: "net:[4026531840]" */
static int look_at_mounts(struct search *search, const char *process)
{
	char path[64], file[2 * NETNS_PATH_SIZE], root[64], point[NETNS_PATH_SIZE];
	auto_file FILE *mounts = NULL;
	auto_free char *line = NULL;
	size_t size = 0;
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	mounts = fopen(path, "re");
	while (mounts && !ret && getline(&line, &size, mounts) > 0) {
		if (sscanf(line, "%*s %*s %*s %63s %255s", root, point) != 2 ||
		    strncmp(root, "net:[", strlen("net:[")) != 0)
			continue;
		unescape(point);
		if (!strcmp(process, "self"))
			snprintf(file, sizeof(file), "%s", point);
		else
			snprintf(file, sizeof(file), "/proc/%s/root%s", process, point);
		ret = look_at(search, file);
	}
	return ret;
}

static int look_at_processes(struct search *search)
{
	char path[NETNS_PATH_SIZE];
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int ret = 0;

	while (processes && !ret && (entry = readdir(processes))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/ns/net", entry->d_name);
		ret = look_at(search, path);
	}
	if (processes)
		closedir(processes);
	return ret;
}

int netns_each(int (*visit)(const char *path, void *data), void *data, struct error *err)
{
	auto_fd int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct search search = { .visit = visit, .data = data };
	struct stat status;
	int ret;

	if (home < 0 || fstat(home, &status)) {
		ret = -errno;
		return error_set(err, ret, "cannot open this network namespace: %s",
				 strerror(-ret));
	}
	is_new(&search, status.st_ino);
	ret = look_at_mounts(&search, "self");
	if (!ret)
		ret = look_at_mounts(&search, "1");
	if (!ret)
		ret = look_at_processes(&search);
	free(search.seen);
	if (setns(home, CLONE_NEWNET)) {
		int failure = -errno;

		return error_set(err, failure, "cannot return to this network namespace: %s",
				 strerror(-failure));
	}
	return ret;
}
