// SPDX-License-Identifier: GPL-2.0
/*
 * Are there enough file descriptors for what comes next?
 */
#include <util/descriptors.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <util/auto.h>
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

/* One call of poll(2) shows which of the lowest descriptors are in use. It reports O_PATH
 * descriptors as unused, so twice as many as needed must look unused. */
static bool are_plenty(unsigned int need)
{
	unsigned int seen = 4 * need, unused = 0;
	auto_free struct pollfd *fds = calloc(seen + 1, sizeof(*fds));
	struct rlimit limit;

	if (!fds || getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < seen)
		return false;
	for (unsigned int i = 0; i < seen; i++)
		fds[i].fd = (int)i;
	if (poll(fds, seen, 0) < 0)
		return false;
	for (unsigned int i = 0; i < seen; i++)
		unused += fds[i].revents == POLLNVAL;
	return unused >= 2 * need;
}

int descriptors_check(unsigned int need, struct error *err)
{
	auto_free int *fds = calloc(need + 1, sizeof(*fds));
	unsigned int tried = are_plenty(need) ? 1 : need;
	unsigned int opened;
	int ret = 0;

	if (!fds)
		return error_no_memory(err);
	for (opened = 0; opened < tried; opened++) {
		/* Duplicates of one descriptor would not count towards the limit of the system. */
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
