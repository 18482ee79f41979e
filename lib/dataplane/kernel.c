/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which kernel is this, and what do its refusals mean?
 */
#include <dataplane/kernel.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <util/cleanup.h>

/* Of the kernel's own, <linux/errno.h>: programs were never to see it, and the C library has no
 * words for it. */
#define KERNEL_ENOTSUPP 524

bool kernel_is_before(unsigned int major, unsigned int minor)
{
	struct utsname name;
	unsigned int here_major, here_minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &here_major, &here_minor) != 2)
		return false;
	return here_major < major || (here_major == major && here_minor < minor);
}

/* In any other BPF is not permitted at all, whatever the limits are. */
static bool in_initial_user_namespace(void)
{
	auto_file FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned int inside, outside, count;

	return map && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count == UINT_MAX;
}

static bool locked_memory_limit(struct rlimit *limit)
{
	return kernel_is_before(5, 11) && !getrlimit(RLIMIT_MEMLOCK, limit) &&
	       limit->rlim_cur != RLIM_INFINITY && in_initial_user_namespace();
}

bool kernel_limits_memory(void)
{
	struct rlimit limit;

	return locked_memory_limit(&limit);
}

const char *kernel_strerror(int code)
{
	static char text[160];
	struct rlimit limit;

	if (code == -KERNEL_ENOTSUPP)
		return "Operation not supported";
	if (code != -EPERM || !locked_memory_limit(&limit))
		return strerror(-code);
	snprintf(text, sizeof(text),
		 "the limit of locked memory, %zu KiB, is used up (kernels before 5.11 count BPF "
		 "memory there); raise it with 'ulimit -l unlimited'",
		 (size_t)limit.rlim_cur / 1024);
	return text;
}

const char *kernel_too_old(void)
{
	static char text[160];
	struct utsname name;

	if (!kernel_is_before(KERNEL_OLDEST_MAJOR, KERNEL_OLDEST_MINOR) || uname(&name))
		return "";
	snprintf(text, sizeof(text),
		 "; this is Linux %s, and %u.%u is the oldest that is supported", name.release,
		 KERNEL_OLDEST_MAJOR, KERNEL_OLDEST_MINOR);
	return text;
}
