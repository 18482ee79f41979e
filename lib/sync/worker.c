// SPDX-License-Identifier: GPL-2.0
/*
 * How does a source program start and end?
 */
#include <sync/worker.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cli/extension.h>
#include <sandbox/child.h>
#include <source/job.h>
#include <util/auto.h>
#include <util/error.h>

#define PROGRAM "xdp-ipfilter-source"

_Static_assert(JOB_DESCRIPTOR == CHILD_DESCRIPTOR, "what was opened for it is there");

/* The pipe must hold a whole job, with certificates, before the program reads it. */
#define INPUT_SIZE (1 << 20)
/* Fewer and longer reads of long lists. */
#define OUTPUT_SIZE (1 << 18)

static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
				       "ALL_PROXY",  "no_proxy",    "NO_PROXY" };
#define PROXY_COUNT (sizeof(proxies) / sizeof(proxies[0]))

/* Pipes: [0] is read from, [1] is written to. */
struct pipes {
	int input[2], output[2];
};

static void close_pipes(struct pipes *pipes)
{
	int *const ends[] = { &pipes->input[0], &pipes->input[1], &pipes->output[0],
			      &pipes->output[1] };

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
	if (pipe2(pipes->input, O_CLOEXEC) || pipe2(pipes->output, O_CLOEXEC))
		return fail("make a pipe", err);
	fcntl(pipes->input[1], F_SETPIPE_SZ, INPUT_SIZE);
	fcntl(pipes->output[0], F_SETPIPE_SZ, OUTPUT_SIZE);
	if (fcntl(pipes->input[1], F_SETFL, O_NONBLOCK) ||
	    fcntl(pipes->output[0], F_SETFL, O_NONBLOCK))
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

static int spawn(const char *path, const char *name, struct pipes *pipes, int descriptor,
		 struct worker *out, struct error *err)
{
	char *environment[PROXY_COUNT + 1], memory[8192];
	const struct child_plan plan = {
		path, name, environment, pipes->input[0], pipes->output[1], descriptor
	};
	struct worker worker = WORKER_NONE;
	int ret;

	choose_environment(environment, memory, sizeof(memory));
	ret = child_start(&plan, &worker.child, err);
	if (ret)
		return ret;
	worker.input = auto_take_fd(&pipes->input[1]);
	worker.output = auto_take_fd(&pipes->output[0]);
	*out = worker;
	return 0;
}

int worker_start(const char *name, const struct job *job, int descriptor, struct worker *out,
		 struct error *err)
{
	char path[PATH_MAX];
	struct pipes pipes = { { -1, -1 }, { -1, -1 } };
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
	child_kill(&worker->child);
}

bool worker_reap(struct worker *worker, struct error *err)
{
	bool success = child_reap(&worker->child, PROGRAM, err);

	auto_release_fd(&worker->input);
	auto_release_fd(&worker->output);
	*worker = (struct worker)WORKER_NONE;
	return success;
}
