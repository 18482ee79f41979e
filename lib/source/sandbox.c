// SPDX-License-Identifier: GPL-2.0
/*
 * What can a source program do to this machine?
 */
#include <source/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <source/sandbox_calls.h>
#include <source/sandbox_files.h>
#include <util/auto.h>
#include <util/error.h>

#define NOBODY 65534

/* Ten million rules take a tenth of it. */
#define MEMORY_LIMIT (UINT64_C(4) << 30)

static int fail(const char *what, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot give up %s: %s", what, strerror(-ret));
}

/* Where memory runs out, this program is what the machine can do without: another one comes. */
static void die_first(void)
{
	auto_fd int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1000", 4) < 0)
		return;
}

/* Whoever is not root already is as harmless as that user. */
static int drop_user(struct error *err)
{
	if (geteuid() && getuid())
		return 0;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return fail("the user root", err);
	return 0;
}

static int drop_capabilities(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none))
		return fail("capabilities", err);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("new privileges", err);
	return 0;
}

static int limit(int resource, rlim_t most, struct error *err)
{
	const struct rlimit value = { .rlim_cur = most, .rlim_max = most };

	return setrlimit(resource, &value) ? fail("resources", err) : 0;
}

int sandbox_enter_as_user(struct error *err)
{
	int ret = drop_capabilities(err);

	/* After the change of user, which turns it on again. */
	if (!ret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		ret = fail("being traced", err);
	if (!ret)
		ret = limit(RLIMIT_CORE, 0, err);
	if (!ret && sizeof(size_t) > 4)
		ret = limit(RLIMIT_AS, (rlim_t)MEMORY_LIMIT, err);
	/* A change of user clears it, so it is asked for here. If sync died before that, standard
	 * input is closed. */
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		ret = fail("outliving sync", err);
	return ret ? ret : sandbox_calls_limit(err);
}

int sandbox_enter(struct error *err)
{
	int ret;

	die_first();
	ret = drop_user(err);
	if (!ret)
		ret = sandbox_enter_as_user(err);
	return ret ? ret : sandbox_files_limit(err);
}

int sandbox_close(struct error *err)
{
	return limit(RLIMIT_NOFILE, 0, err);
}
