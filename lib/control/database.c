// SPDX-License-Identifier: GPL-2.0
/*
 * How is a MaxMind DB file read as a table of text?
 */
#include <control/database.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cli/extension.h>
#include <util/auto.h>
#include <util/error.h>

#define PROGRAM "xdp-ipfilter-mmdb"

#define BLOCK_SIZE ((size_t)64 << 10)
#define MAX_SIZE (UINT64_C(2) << 30) /* ten times the largest that is published */

static int write_all(int fd, const char *bytes, size_t count)
{
	while (count) {
		ssize_t written = write(fd, bytes, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		count -= (size_t)written;
	}
	return 0;
}

/* A copy in memory: the program may not be able to open the file, and what is mapped must not
 * change. Returns a descriptor. */
static int copy_file(FILE *file, const char *name, struct error *err)
{
	auto_fd int copy = memfd_create(name, MFD_CLOEXEC);
	auto_free char *block = malloc(BLOCK_SIZE);
	uint64_t size = 0;
	size_t count;
	int ret = copy < 0 ? -errno : 0;

	if (!block)
		return error_no_memory(err);
	while (!ret && (count = fread(block, 1, BLOCK_SIZE, file))) {
		size += count;
		if (size > MAX_SIZE)
			return error_set_usage(err, "%s: larger than 2 GiB", name);
		ret = write_all(copy, block, count);
	}
	if (!ret && ferror(file))
		ret = -EIO;
	if (ret)
		return error_set(err, ret, "%s: cannot read it: %s", name, strerror(-ret));
	return auto_take_fd(&copy);
}

/* PROGRAM NAME CONDITION... */
static char **make_arguments(const char *name, const struct option_texts *where)
{
	char **argv = calloc(where->count + 3, sizeof(*argv));

	if (!argv)
		return NULL;
	argv[0] = (char *)PROGRAM;
	argv[1] = (char *)name;
	for (size_t i = 0; i < where->count; i++)
		argv[i + 2] = (char *)where->items[i];
	return argv;
}

/* We ignore SIGPIPE, but the program shall end if nobody reads its table. */
static int spawn(const char *path, char **argv, int in, int out, pid_t *program)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int ret;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	ret = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	if (!ret)
		ret = posix_spawn(program, path, &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -ret;
}

static int start(struct database *database, int copy, const char *name,
		 const struct option_texts *where, struct error *err)
{
	auto_free char **argv = make_arguments(name, where);
	auto_fd int from = -1, to = -1;
	char path[PATH_MAX];
	int ends[2], ret = extension_find(PROGRAM, path, sizeof(path), err);

	if (ret)
		return error_prefix(err, ret, "%s", name);
	if (!argv)
		return error_no_memory(err);
	if (pipe2(ends, O_CLOEXEC))
		return error_set(err, -errno, "%s: cannot make a pipe: %s", name, strerror(errno));
	from = ends[0];
	to = ends[1];
	ret = spawn(path, argv, copy, to, &database->program);
	if (ret)
		return error_set(err, ret, "%s: cannot run %s: %s", name, path, strerror(-ret));
	database->table = fdopen(from, "r");
	if (!database->table)
		return error_no_memory(err);
	auto_take_fd(&from);
	return 0;
}

int database_open(struct database *database, FILE *file, const char *name,
		  const struct option_texts *where, struct error *err)
{
	auto_fd int copy = copy_file(file, name, err);

	*database = (struct database){ .table = NULL };
	return copy < 0 ? copy : start(database, copy, name, where, err);
}

int database_close(struct database *database, const char *name, int ret, struct error *err)
{
	int status;

	fclose(database->table);
	while (waitpid(database->program, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, -errno, "%s: lost %s", name, PROGRAM);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return ret;
	/* We did not read on. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE && ret)
		return ret;
	error_clear(err);
	if (WIFSIGNALED(status))
		return error_set(err, -EIO, "%s: %s ended by signal %d (%s); it is perhaps damaged",
				 name, PROGRAM, WTERMSIG(status), strsignal(WTERMSIG(status)));
	/* It has said what is wrong. */
	return error_set_kind(err, -EINVAL, WEXITSTATUS(status) == 2 ? ERROR_USAGE : ERROR_FAILURE);
}
