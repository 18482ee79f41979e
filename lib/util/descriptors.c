/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Are there file descriptors enough for what comes next?
 */
#include <util/descriptors.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <util/cleanup.h>
#include <util/error.h>

void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int refuse(unsigned int need, int ret, struct error *err)
{
	struct rlimit limit = { 0 };

	if (ret == -ENFILE)
		return error_set(err, ret,
				 "the system has no file descriptors left; close some, or raise "
				 "/proc/sys/fs/file-max");
	if (ret != -EMFILE)
		return error_set(err, ret, "cannot open file descriptors: %s", strerror(-ret));
	getrlimit(RLIMIT_NOFILE, &limit);
	return error_set(
		err, ret,
		"too few file descriptors: this command needs up to %u more, and the limit of the "
		"process is %u; raise the limit, as 'ulimit -n %u' does",
		need, (unsigned int)limit.rlim_cur, 1024 + need);
}

int descriptors_check(unsigned int need, struct error *err)
{
	auto_free int *fds = calloc(need + 1, sizeof(*fds));
	unsigned int opened;
	int ret = 0;

	if (!fds)
		return error_set(err, -ENOMEM, "out of memory");
	for (opened = 0; opened < need; opened++) {
		/* Of files of its own: duplicates of one would not meet the limit of the system. */
		fds[opened] = open("/", O_PATH | O_CLOEXEC);
		if (fds[opened] < 0) {
			ret = -errno;
			break;
		}
	}
	while (opened)
		close(fds[--opened]);
	return ret ? refuse(need, ret, err) : 0;
}
