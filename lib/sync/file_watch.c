// SPDX-License-Identifier: GPL-2.0
/*
 * When has a file that a set follows changed?
 */
#include <sync/file_watch.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

#define SETTLED_S 2

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB)

/* Again and again: the directory may be a new one of the same name. Adding a watch of one that is
 * watched changes nothing. */
static void watch_directory(struct file_watch *watch)
{
	char path[PATH_MAX];
	int directory;

	snprintf(path, sizeof(path), "%s", watch->path);
	directory = inotify_add_watch(watch->inotify, dirname(path), EVENTS | IN_ONLYDIR);
	if (directory != watch->directory && watch->directory >= 0)
		inotify_rm_watch(watch->inotify, watch->directory);
	watch->directory = directory;
}

void file_watch_init(struct file_watch *watch, const char *path)
{
	*watch = (struct file_watch){ .path = path, .directory = -1 };
	watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->inotify >= 0)
		watch_directory(watch);
	else
		log_verbose("%s: cannot be watched: %s", path, strerror(errno));
}

void file_watch_done(struct file_watch *watch)
{
	auto_release_fd(&watch->inotify);
	watch->inotify = -1;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* Does any of the events name the file itself? */
static bool names_file(const struct file_watch *watch, const char *events, size_t size)
{
	const char *slash = strrchr(watch->path, '/'), *name = slash ? slash + 1 : watch->path;
	const struct inotify_event *event;

	for (size_t at = 0; at < size; at += sizeof(*event) + event->len) {
		event = (const void *)(events + at);
		if (event->len && !strcmp(event->name, name))
			return true;
	}
	return false;
}

bool file_watch_drain(struct file_watch *watch)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool named = false;
	ssize_t size;

	while ((size = read(watch->inotify, events, sizeof(events))) > 0)
		named = named || names_file(watch, events, (size_t)size);
	watch_directory(watch);
	return !watch->has_seen || (named && !watch->was_settled) ||
	       file_watch_is_other(watch, &watch->seen);
}

int file_watch_open_file(const struct file_watch *watch, bool *changed, struct error *err)
{
	/* A FIFO would block. */
	auto_fd int fd = open(watch->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	int ret = -errno;

	if (fd < 0 || fstat(fd, &status)) {
		ret = -errno;
		return error_set(err, ret, "%s: cannot read it: %s", watch->path, strerror(-ret));
	}
	if (!S_ISREG(status.st_mode))
		return error_set(err, -EINVAL, "%s: not a regular file", watch->path);
	*changed = !watch->has_seen || !watch->was_settled || !is_same(&watch->seen, &status);
	return auto_take_fd(&fd);
}

void file_watch_was_read(struct file_watch *watch, const struct stat *status)
{
	const time_t settled = time(NULL) - SETTLED_S;

	watch->seen = *status;
	watch->has_seen = true;
	watch->was_settled = status->st_mtim.tv_sec < settled && status->st_ctim.tv_sec < settled;
}

bool file_watch_is_other(const struct file_watch *watch, const struct stat *status)
{
	struct stat now;

	return stat(watch->path, &now) || !is_same(&now, status);
}
