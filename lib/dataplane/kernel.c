// SPDX-License-Identifier: GPL-2.0
/*
 * Which kernel is this, what can it do, and what do its refusals mean?
 */
#include <dataplane/kernel.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/stub.h>
#include <util/auto.h>
#include <util/error.h>

/* ENOTSUPP of the kernel's <linux/errno.h>. It is internal to the kernel, so the C library has no
 * text for it. */
#define KERNEL_ENOTSUPP 524

/* The oldest kernel that the tests run on. The newest features that the filter cannot do without
 * came with 5.8: bpf_ktime_get_boot_ns(), and links that have ids. */
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

bool kernel_has_multi_buffer(void)
{
	static int has = -1;

	if (has < 0)
		has = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL);
	return has == 1;
}

/* Does the kernel report the target of a link into another program? */
static int link_tells_target(int link)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &size))
		return -errno;
	return info.tracing.target_obj_id ? 0 : -ENODATA;
}

int kernel_probe_extension(void)
{
	struct stub stub = { .name = "ipf_probe", .type = BPF_PROG_TYPE_XDP, .verdict = XDP_PASS };
	auto_fd int target = stub_load(&stub, &stub.target_function);
	auto_fd int extension = -1, link = -1;

	if (target < 0)
		return target;
	stub.type = BPF_PROG_TYPE_EXT;
	stub.target = target;
	extension = stub_load(&stub, NULL);
	if (extension < 0)
		return extension;
	link = bpf_raw_tracepoint_open(NULL, extension);
	return link < 0 ? -errno : link_tells_target(link);
}

/* In any other user namespace BPF is not permitted at all, whatever the limits are. */
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

/* The errors of a kernel that does not know a call or a program. */
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
			 "the limit of locked memory, %zu KiB, is used up (kernels before 5.11 "
			 "count BPF memory there); raise it with 'ulimit -l unlimited'",
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
