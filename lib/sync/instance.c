// SPDX-License-Identifier: GPL-2.0
/*
 * Which process is sync in this network namespace?
 */
#include <sync/instance.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dataplane/netdev.h>
#include <util/auto.h>
#include <util/error.h>

/* The kernel gives this number to the first network namespace, and 0 stands for one that gives
 * none. */
#define FIRST_COOKIE 1

void instance_path(const char *suffix, char path[INSTANCE_PATH_SIZE])
{
	uint64_t cookie = netdev_netns_cookie();

	if (cookie <= FIRST_COOKIE)
		snprintf(path, INSTANCE_PATH_SIZE, INSTANCE_FOLDER "/sync.%s", suffix);
	else
		snprintf(path, INSTANCE_PATH_SIZE, INSTANCE_FOLDER "/sync-%" PRIu64 ".%s", cookie,
			 suffix);
}

static int fail(const char *path, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "%s: %s", path, strerror(-ret));
}

/* Everybody may look: `status` needs no other privilege for it. */
static int open_lock(struct error *err)
{
	char path[INSTANCE_PATH_SIZE];
	auto_fd int fd = -1;

	if (mkdir(INSTANCE_FOLDER, 0755) && errno != EEXIST)
		return fail(INSTANCE_FOLDER, err);
	instance_path("lock", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) || chmod(INSTANCE_FOLDER, 0755))
		return fail(path, err);
	return auto_take_fd(&fd);
}

/* Asks whether a lock can be had, without having it for a moment, in which sync might start. */
pid_t instance_find(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[INSTANCE_PATH_SIZE];
	auto_fd int fd = -1;

	instance_path("lock", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : INSTANCE_HIDDEN;
}

static int refuse(struct error *err)
{
	pid_t process = instance_find();

	if (process > 0)
		return error_set(err, -EEXIST,
				 "sync runs already, as process %d; end it first, or put both into "
				 "one configuration",
				 process);
	return error_set(err, -EEXIST, "sync runs already in this network namespace; end it first");
}

int instance_take(struct error *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	auto_fd int fd = open_lock(err);

	if (fd < 0)
		return fd;
	if (!fcntl(fd, F_SETLK, &lock))
		return auto_take_fd(&fd);
	if (errno == EAGAIN || errno == EACCES)
		return refuse(err);
	return fail(INSTANCE_FOLDER, err);
}
