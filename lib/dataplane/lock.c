/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do commands that change something wait for each other?
 */
#include <dataplane/lock.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

int lock_take(struct error *err)
{
	auto_fd int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0) {
		ret = -errno;
		return error_set(err, ret, "cannot open the lock file %s: %s", LOCK_PATH,
				 strerror(-ret));
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd_take(&fd);
	log_verbose("waiting for another xdp-ipfilter to finish (%s)", LOCK_PATH);
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		ret = -errno;
		return error_set(err, ret, "cannot lock %s: %s", LOCK_PATH, strerror(-ret));
	}
	return fd_take(&fd);
}
