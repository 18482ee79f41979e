// SPDX-License-Identifier: GPL-2.0
/*
 * How does a source program start and end?
 */
#include <sync/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cli/extension.h>
#include <source/job.h>
#include <util/auto.h>
#include <util/error.h>

#define PROGRAM "xdp-ipfilter-source"

/* The pipe must hold a whole job, with certificates, before the program reads it. */
#define INPUT_SIZE (1 << 20)
/* Fewer and longer reads of long lists. */
#define OUTPUT_SIZE (1 << 18)

#define EXIT_NO_PROGRAM 127

static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
				       "ALL_PROXY",  "no_proxy",    "NO_PROXY" };
#define PROXY_COUNT (sizeof(proxies) / sizeof(proxies[0]))

/* Pipes: [0] is read from, [1] is written to. */
struct pipes {
	int input[2], output[2], errors[2];
};

static void close_pipes(struct pipes *pipes)
{
	int *const ends[] = { &pipes->input[0],  &pipes->input[1],  &pipes->output[0],
			      &pipes->output[1], &pipes->errors[0], &pipes->errors[1] };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		auto_release_fd(ends[i]);
		*ends[i] = -1;
	}
}

static int fail(const char *what, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot %s: %s", what, strerror(-ret));
}

/* A larger pipe is not always granted; the job is then written into what there is. */
static int open_pipes(struct pipes *pipes, struct error *err)
{
	if (pipe2(pipes->input, O_CLOEXEC) || pipe2(pipes->output, O_CLOEXEC) ||
	    pipe2(pipes->errors, O_CLOEXEC))
		return fail("make a pipe", err);
	fcntl(pipes->input[1], F_SETPIPE_SZ, INPUT_SIZE);
	fcntl(pipes->output[0], F_SETPIPE_SZ, OUTPUT_SIZE);
	if (fcntl(pipes->input[1], F_SETFL, O_NONBLOCK) ||
	    fcntl(pipes->output[0], F_SETFL, O_NONBLOCK) ||
	    fcntl(pipes->errors[0], F_SETFL, O_NONBLOCK))
		return fail("make a pipe", err);
	return 0;
}

static int write_job(const struct job *job, int input, struct error *err)
{
	auto_fd int fd = fcntl(input, F_DUPFD_CLOEXEC, 0);
	auto_file FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return fail("send a job to " PROGRAM, err);
	auto_take_fd(&fd);
	return job_write(job, file, err);
}

/* Only the variables that name proxies. The array is on the caller's stack; its texts are ours. */
static void choose_environment(char *environment[PROXY_COUNT + 1], char *memory, size_t size)
{
	size_t count = 0, used = 0;

	for (size_t i = 0; i < PROXY_COUNT; i++) {
		const char *value = getenv(proxies[i]);
		int length;

		if (!value)
			continue;
		length = snprintf(memory + used, size - used, "%s=%s", proxies[i], value);
		if (length < 0 || (size_t)length >= size - used)
			continue;
		environment[count++] = memory + used;
		used += (size_t)length + 1;
	}
	environment[count] = NULL;
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
static int set_descriptors(const struct pipes *pipes, int descriptor)
{
	const int above = JOB_DESCRIPTOR + 1;
	const int input = fcntl(pipes->input[0], F_DUPFD_CLOEXEC, above);
	const int output = fcntl(pipes->output[1], F_DUPFD_CLOEXEC, above);
	const int errors = fcntl(pipes->errors[1], F_DUPFD_CLOEXEC, above);
	int last = descriptor < 0 ? STDERR_FILENO : JOB_DESCRIPTOR;

	if (descriptor >= 0)
		descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, above);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0 ||
	    (last == JOB_DESCRIPTOR && dup2(descriptor, JOB_DESCRIPTOR) < 0))
		return -errno;
#ifdef SYS_close_range
	syscall(SYS_close_range, (unsigned int)last + 1, ~0U, 0);
#endif
	return 0;
}

static void run(const char *path, const char *name, char **environment, const struct pipes *pipes,
		int descriptor)
{
	char *argv[] = { (char *)PROGRAM, (char *)name, NULL };

	setpgid(0, 0);
	set_signals();
	if (!set_descriptors(pipes, descriptor) && !set_capabilities())
		execve(path, argv, environment);
	_exit(EXIT_NO_PROGRAM);
}

/* --- In sync ---------------------------------------------------------------------------------- */

static int spawn(const char *path, const char *name, struct pipes *pipes, int descriptor,
		 struct worker *out, struct error *err)
{
	char *environment[PROXY_COUNT + 1], memory[8192];
	struct worker worker = WORKER_NONE;

	choose_environment(environment, memory, sizeof(memory));
	worker.pid = fork();
	if (worker.pid < 0)
		return fail("start " PROGRAM, err);
	if (!worker.pid)
		run(path, name, environment, pipes, descriptor);
	worker.pidfd = (int)syscall(SYS_pidfd_open, worker.pid, 0);
	if (worker.pidfd < 0) {
		int ret = fail("watch " PROGRAM, err);

		kill(worker.pid, SIGKILL);
		waitpid(worker.pid, NULL, 0);
		return ret;
	}
	fcntl(worker.pidfd, F_SETFD, FD_CLOEXEC);
	worker.input = auto_take_fd(&pipes->input[1]);
	worker.output = auto_take_fd(&pipes->output[0]);
	worker.errors = auto_take_fd(&pipes->errors[0]);
	*out = worker;
	return 0;
}

int worker_start(const char *name, const struct job *job, int descriptor, struct worker *out,
		 struct error *err)
{
	char path[PATH_MAX];
	struct pipes pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int ret = extension_find(PROGRAM, path, sizeof(path), err);

	if (!ret)
		ret = open_pipes(&pipes, err);
	/* Before the fork: the child then has it, and nothing waits for the other. */
	if (!ret)
		ret = write_job(job, pipes.input[1], err);
	if (!ret)
		ret = spawn(path, name, &pipes, descriptor, out, err);
	close_pipes(&pipes);
	return ret;
}

void worker_kill(const struct worker *worker)
{
	if (worker->pid <= 0)
		return;
	kill(worker->pid, SIGKILL);
	kill(-worker->pid, SIGKILL);
}

static void describe_end(int status, struct error *err)
{
	if (WIFSIGNALED(status))
		error_set(err, -EIO, PROGRAM " was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		error_set(err, -EIO, PROGRAM " cannot be run");
	else
		error_set(err, -EIO, PROGRAM " ended with status %d", WEXITSTATUS(status));
}

bool worker_reap(struct worker *worker, struct error *err)
{
	int status = 0;

	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
		;
	auto_release_fd(&worker->input);
	auto_release_fd(&worker->output);
	auto_release_fd(&worker->errors);
	auto_release_fd(&worker->pidfd);
	*worker = (struct worker)WORKER_NONE;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	describe_end(status, err);
	return false;
}
