// SPDX-License-Identifier: GPL-2.0
/*
 * How does a program without privileges start and end?
 */
#include <sandbox/child.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>

#define EXIT_NO_PROGRAM 127

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- In the child, before it becomes the program ---------------------------------------------- */

static void set_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What becomes nobody needs no more than this; no_new_privs keeps the program from getting more. */
static int set_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		__u32 keep = i == 0 ? CAP_TO_MASK(CAP_SETUID) | CAP_TO_MASK(CAP_SETGID) : 0;

		data[i].effective &= keep;
		data[i].permitted &= keep;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

/* Moves descriptors to their places. They may be in each other's, so all go out of the way first;
 * whatever else is open closes by itself, and what does not is closed here. */
static int set_descriptors(const struct child_plan *plan, int errors_end)
{
	const int above = CHILD_DESCRIPTOR + 1;
	const int input = fcntl(plan->input, F_DUPFD_CLOEXEC, above);
	const int output = fcntl(plan->output, F_DUPFD_CLOEXEC, above);
	const int errors = fcntl(errors_end, F_DUPFD_CLOEXEC, above);
	int descriptor = plan->descriptor, last = STDERR_FILENO;

	if (descriptor >= 0) {
		descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, above);
		last = CHILD_DESCRIPTOR;
	}
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0 ||
	    (last == CHILD_DESCRIPTOR && dup2(descriptor, CHILD_DESCRIPTOR) < 0))
		return -errno;
#ifdef SYS_close_range
	syscall(SYS_close_range, (unsigned int)last + 1, ~0U, 0);
#endif
	return 0;
}

static void run(const struct child_plan *plan, int errors)
{
	char *argv[] = { (char *)base_name(plan->path), (char *)plan->argument, NULL };

	setpgid(0, 0);
	set_signals();
	if (!set_descriptors(plan, errors) && !set_capabilities())
		execve(plan->path, argv, plan->environment);
	_exit(EXIT_NO_PROGRAM);
}

/* --- In its parent ---------------------------------------------------------------------------- */

static int fail(const char *what, const struct child_plan *plan, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot %s %s: %s", what, base_name(plan->path), strerror(-ret));
}

static int watch(const struct child_plan *plan, struct child *child, struct error *err)
{
	int ret;

	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd >= 0) {
		fcntl(child->pidfd, F_SETFD, FD_CLOEXEC);
		return 0;
	}
	ret = fail("watch", plan, err);
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	return ret;
}

int child_start(const struct child_plan *plan, struct child *out, struct error *err)
{
	struct child child = CHILD_NONE;
	int pipes[2], ret;
	auto_fd int errors = -1, theirs = -1;

	if (pipe2(pipes, O_CLOEXEC))
		return fail("make a pipe for", plan, err);
	errors = pipes[0];
	theirs = pipes[1];
	if (fcntl(errors, F_SETFL, O_NONBLOCK))
		return fail("make a pipe for", plan, err);
	child.pid = fork();
	if (child.pid < 0)
		return fail("start", plan, err);
	if (!child.pid)
		run(plan, theirs);
	ret = watch(plan, &child, err);
	if (ret)
		return ret;
	child.errors = auto_take_fd(&errors);
	*out = child;
	return 0;
}

void child_kill(const struct child *child)
{
	if (child->pid <= 0)
		return;
	kill(child->pid, SIGKILL);
	kill(-child->pid, SIGKILL);
}

static void describe_end(int status, const char *program, struct error *err)
{
	if (WIFSIGNALED(status))
		error_set(err, -EIO, "%s was ended by signal %d", program, WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		error_set(err, -EIO, "%s cannot be run", program);
	else
		error_set(err, -EIO, "%s ended with status %d", program, WEXITSTATUS(status));
}

bool child_reap(struct child *child, const char *program, struct error *err)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	auto_release_fd(&child->errors);
	auto_release_fd(&child->pidfd);
	*child = (struct child)CHILD_NONE;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	describe_end(status, program, err);
	return false;
}
