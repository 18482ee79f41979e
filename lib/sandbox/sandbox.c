// SPDX-License-Identifier: GPL-2.0
/*
 * What can a program do to this machine that parses what others send?
 */
#include <sandbox/sandbox.h>

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

#include <sandbox/sandbox_calls.h>
#include <sandbox/sandbox_files.h>
#include <util/auto.h>
#include <util/error.h>

#define NOBODY 65534

/* Ten million rules take a tenth of it. */
#define ASKS_MEMORY (UINT64_C(4) << 30)
/* Its libraries take a third of it. */
#define ANSWERS_MEMORY (UINT64_C(256) << 20)
/* Clients, and an answer for each. */
#define ANSWERS_FILES 64

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

static int limit_memory(enum sandbox_use use, struct error *err)
{
	int ret = 0;

	if (use == SANDBOX_ANSWERS)
		ret = limit(RLIMIT_NOFILE, ANSWERS_FILES, err);
	if (ret || sizeof(size_t) == 4)
		return ret;
	return limit(RLIMIT_AS, (rlim_t)(use == SANDBOX_ASKS ? ASKS_MEMORY : ANSWERS_MEMORY), err);
}

static int enter(enum sandbox_use use, struct error *err)
{
	int ret = drop_capabilities(err);

	/* After the change of user, which turns it on again. */
	if (!ret && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		ret = fail("being traced", err);
	if (!ret)
		ret = limit(RLIMIT_CORE, 0, err);
	if (!ret)
		ret = limit_memory(use, err);
	/* A change of user clears it, so it is asked for here. If the parent died before that,
	 * standard input is closed. */
	if (!ret && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		ret = fail("outliving its parent", err);
	return ret ? ret : sandbox_calls_limit(use, err);
}

int sandbox_enter_as_user(struct error *err)
{
	return enter(SANDBOX_ASKS, err);
}

int sandbox_enter(enum sandbox_use use, struct error *err)
{
	int ret;

	die_first();
	ret = drop_user(err);
	if (!ret)
		ret = enter(use, err);
	return ret ? ret : sandbox_files_limit(use, err);
}

int sandbox_close(struct error *err)
{
	return limit(RLIMIT_NOFILE, 0, err);
}
