// SPDX-License-Identifier: GPL-2.0
/*
 * How does a program of ours that controls filters start, and how does it end?
 */
#include <control/tool.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cli/report.h>
#include <control/iface.h>
#include <dataplane/attach.h>
#include <dataplane/capability.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/lock.h>
#include <ruleset/tick.h>
#include <util/descriptors.h>
#include <util/error.h>
#include <util/log.h>
#include <util/oom.h>

/* How the program ends. Only this file knows these numbers. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,      /* or bad input */
	EXIT_NOT_LOADED = 3, /* the filter is not on the interface, or on none */
};

/* Before anything else: libraries that run out of descriptors later report something else. */
static int check_descriptors(unsigned int needs, struct error *err)
{
	return descriptors_check(needs & CAPABILITY_ATTACH ? ATTACH_DESCRIPTORS : IFACE_DESCRIPTORS,
				 err);
}

int tool_start(unsigned int needs, struct error *err)
{
	struct oom_score score = { .text = "" };
	int ret;

	if (needs & TOOL_NEEDS_KEEPER)
		oom_be_last(&score);
	ret = capability_limit(needs & ~(TOOL_NEEDS_CLOCK | TOOL_NEEDS_KEEPER), err);
	oom_restore(&score);
	return ret;
}

int tool_ready(unsigned int needs, struct error *err)
{
	int ret = needs ? check_descriptors(needs, err) : 0;

	if (!ret && needs)
		ret = capability_check(err);
	if (!ret && needs & TOOL_NEEDS_CLOCK)
		ret = tick_check(err);
	return ret;
}

void tool_set_lock_timeout(unsigned int seconds)
{
	lock_set_timeout(seconds);
}

int tool_take_lock(struct error *err)
{
	return lock_take(err);
}

/* If a map got one of the first three descriptors, messages would be written to it. */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILED);
}

/* Large blocks for a pipe or a file. And musl, which would write the first line by itself, forgets
 * why it could not. */
static void buffer_output(void)
{
	static char buffer[64 << 10];

	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

/* `ret` of the command; *err says what kind of failure it is. */
static enum exit_code exit_code(int ret, const struct error *err)
{
	if (!ret)
		return EXIT_DONE;
	if (error_is(err, ERROR_USAGE))
		return EXIT_USAGE;
	return error_is(err, ERROR_ABSENT) ? EXIT_NOT_LOADED : EXIT_FAILED;
}

int tool_main(const struct command_table *table, int argc, char **argv)
{
	struct error err = { 0 };
	int ret, flushed;

	/* For the folders that libxdp makes in the BPF file system: an inherited umask could remove
	 * root's own permissions, and then nobody could enter them again. */
	umask(S_IRWXG | S_IRWXO);
	open_standard_streams();
	buffer_output();
	/* If a reader goes away, the next write fails; no signal ends us. */
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	libbpf_log_init();

	ret = command_main(table, argc, argv, &err);
	if (!err.text[0]) {
		flushed = report_flush(stdout, &err);
		ret = flushed < 0 ? flushed : ret;
	}
	if (err.text[0])
		log_error(err.text);
	return exit_code(ret, &err);
}
