// SPDX-License-Identifier: GPL-2.0
/*
 * What can this process do, and which capabilities does it give up before it starts?
 *
 * Calls capget(2) and capset(2) directly: two system calls are not worth libcap. The bounding set
 * is left alone: no_new_privs makes it moot. Dropping an inheritable
 * capability drops the ambient one too.
 */
#include <dataplane/capability.h>

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dataplane/kernel.h>
#include <util/error.h>

struct capability {
	enum capability_need need;
	unsigned int number;
	const char *name;
	const char *purpose; /* NULL: the command works without it */
};

static const struct capability capabilities[] = {
	{ CAPABILITY_BPF, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "it opens BPF programs and maps by id" },
	{ CAPABILITY_ATTACH, CAP_NET_ADMIN, "CAP_NET_ADMIN", "it attaches XDP programs" },
	{ CAPABILITY_FILES, CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", NULL },
	{ CAPABILITY_NAMESPACES, CAP_SYS_PTRACE, "CAP_SYS_PTRACE", NULL },
	{ CAPABILITY_CHILDREN, CAP_SETUID, "CAP_SETUID", "it runs a program as the user nobody" },
	{ CAPABILITY_CHILDREN, CAP_SETGID, "CAP_SETGID", "it runs a program as the user nobody" },
	{ CAPABILITY_CHILDREN, CAP_KILL, "CAP_KILL", "it ends a program that it runs as nobody" },
};
#define CAPABILITY_COUNT (sizeof(capabilities) / sizeof(*capabilities))

struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

/* The needs that capability_limit() was given. Global, as a process's capabilities are. */
static unsigned int needed;

static int read_sets(struct sets *sets, struct error *err)
{
	int ret;

	*sets = (struct sets){ .header.version = _LINUX_CAPABILITY_VERSION_3 };
	if (!syscall(SYS_capget, &sets->header, sets->data))
		return 0;
	ret = -errno;
	return error_set(err, ret, "cannot read the capabilities: %s", strerror(-ret));
}

static bool is_effective(const struct sets *sets, const struct capability *capability)
{
	return sets->data[CAP_TO_INDEX(capability->number)].effective &
	       CAP_TO_MASK(capability->number);
}

/* Must run before capabilities are dropped: lifting the limit altogether needs CAP_SYS_RESOURCE.
 * Without that capability the limit rises to the hard limit, which may be enough; a call that needs
 * more reports that. */
static void lift_memory_limit(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit limit;

	if (!kernel_limits_memory() || !setrlimit(RLIMIT_MEMLOCK, &unlimited) ||
	    getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static void reduce_sets(struct sets *sets, unsigned int needs)
{
	__u32 keep[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (needs & capabilities[i].need)
			keep[CAP_TO_INDEX(capabilities[i].number)] |=
				CAP_TO_MASK(capabilities[i].number);
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets->data[i].effective &= keep[i];
		sets->data[i].permitted &= keep[i];
		sets->data[i].inheritable = 0;
	}
}

int capability_limit(unsigned int needs, struct error *err)
{
	struct sets sets;
	int ret = read_sets(&sets, err);

	if (ret)
		return ret;
	if (needs & CAPABILITY_BPF)
		lift_memory_limit();
	reduce_sets(&sets, needs);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_capset, &sets.header, sets.data)) {
		ret = -errno;
		return error_set(err, ret, "cannot give up capabilities: %s", strerror(-ret));
	}
	needed = needs;
	return 0;
}

int capability_check(struct error *err)
{
	struct sets sets;
	int ret = read_sets(&sets, err);

	/* A caller is about to do something that needs a capability. */
	assert(needed);
	if (ret)
		return ret;
	for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *capability = &capabilities[i];

		if (needed & capability->need && capability->purpose &&
		    !is_effective(&sets, capability))
			return error_set(err, -EPERM,
					 "not permitted: %s is missing (%s); run as root",
					 capability->name, capability->purpose);
	}
	return 0;
}

bool capability_has(enum capability_need need)
{
	struct sets sets;

	if (read_sets(&sets, NULL))
		return false;
	for (size_t i = 0; i < CAPABILITY_COUNT; i++)
		if (capabilities[i].need == need && !is_effective(&sets, &capabilities[i]))
			return false;
	return true;
}

bool capability_explains(int code)
{
	return code == -EPERM && !kernel_limits_memory();
}

int capability_refused(struct error *err)
{
	return error_set(err, -EPERM,
			 "not permitted; CAP_SYS_ADMIN in the initial user namespace is needed");
}
