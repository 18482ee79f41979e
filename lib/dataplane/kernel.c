// SPDX-License-Identifier: GPL-2.0
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

#include <bpf/libbpf.h>

#include <util/auto.h>
#include <util/error.h>

/* Of the kernel's own, <linux/errno.h>: programs were never to see it, and the C library has no
 * words for it. */
#define KERNEL_ENOTSUPP 524

/* The oldest kernel that the tests run on. What the filter cannot do without came with 5.8:
 * bpf_ktime_get_boot_ns(), and links that have ids. */
#define OLDEST_MAJOR 5u
#define OLDEST_MINOR 10u

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

int kernel_cpus(unsigned int *out, struct error *err)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus <= 0)
		return error_set(err, cpus ? cpus : -EIO, "cannot count the CPUs");
	*out = (unsigned int)cpus;
	return 0;
}

/* What a kernel says to what it does not know. */
static bool means_unknown(int code)
{
	return code == -EINVAL || code == -E2BIG || code == -ENOSYS || code == -EOPNOTSUPP ||
	       code == -KERNEL_ENOTSUPP;
}

const char *kernel_strerror(int code)
{
	static char text[256];
	const char *said = code == -KERNEL_ENOTSUPP ? "Operation not supported" : strerror(-code);
	struct utsname name;
	struct rlimit limit;

	if (code == -EPERM && locked_memory_limit(&limit))
		snprintf(text, sizeof(text),
			 "the limit of locked memory, %zu KiB, is used up (kernels before 5.11 count "
			 "BPF memory there); raise it with 'ulimit -l unlimited'",
			 (size_t)limit.rlim_cur / 1024);
	else if (means_unknown(code) && kernel_is_before(OLDEST_MAJOR, OLDEST_MINOR) &&
		 !uname(&name))
		snprintf(text, sizeof(text),
			 "%s; this is Linux %s, and %u.%u is the oldest that is supported", said,
			 name.release, OLDEST_MAJOR, OLDEST_MINOR);
	else
		return said;
	return text;
}

bool kernel_refusal_passes(int code)
{
	return code == -ENOMEM || code == -EAGAIN || code == -EINTR || code == -EMFILE ||
	       code == -ENFILE;
}
