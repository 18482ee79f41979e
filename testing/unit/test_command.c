// SPDX-License-Identifier: GPL-2.0
/*
 * Is the command found that the user means, and are its steps taken in their order?
 */
#include <cli/command.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <util/error.h>
#include <util/log.h>

#include "support.h"

#define MAX_ARGUMENTS 8

/* What was done, as " STEP" each, and which step is to fail. */
static char steps[256];
static const char *failing;
/* The lock is one end of a pipe; a write to this one shows whether it is open. -1: not taken. */
static int lock_probe;

static void note(const char *step)
{
	size_t used = strlen(steps);

	snprintf(steps + used, sizeof(steps) - used, " %s", step);
}

static int step(const char *name, struct error *err)
{
	note(name);
	if (failing && !strcmp(failing, name))
		return error_set_absent(err, -ENOENT, "%s fails", name);
	return 0;
}

static bool lock_is_held(void)
{
	return lock_probe >= 0 && write(lock_probe, "", 1) == 1;
}

static bool signals_are_held(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGTERM);
}

struct request {
	bool wrong, harmless;
	unsigned int number;
	struct option_texts things;
};

static const struct request defaults = { .number = 3 };

static const struct option_spec specs[] = {
	OPTION_FLAG(0, "wrong", struct request, wrong, "A request that is refused."),
	OPTION_FLAG(0, "harmless", struct request, harmless, "A request that only reads."),
	OPTION_NUMBER('n', "number", "N", struct request, number, 1, 9, "A number."),
	OPTION_POSITIONALS("THING", struct request, things),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct request *request = data;

	note("check");
	return request->wrong ? "all is wrong" : NULL;
}

static bool only_reads(const void *data)
{
	const struct request *request = data;

	return request->harmless;
}

static int read_input(void *data, struct error *err)
{
	const struct request *request = data;

	assert_int_equal(request->number, 3);
	assert_false(lock_is_held());
	return step("read", err);
}

static int run(void *data, struct error *err)
{
	const struct request *request = data;

	assert_int_equal(lock_is_held(), !request->harmless);
	assert_false(signals_are_held());
	return step("run", err);
}

static int commit(void *data, struct error *err)
{
	const struct request *request = data;

	assert_int_equal(lock_is_held(), !request->harmless);
	assert_true(signals_are_held());
	return step("commit", err);
}

/* What was prepared is undone under the lock. */
static void done(void *data)
{
	const struct request *request = data;

	(void)request;
	note(lock_is_held() ? "done-locked" : "done");
}

static const struct command change = {
	.name = "change",
	.summary = "change something",
	.usage = "[OPTION]... [THING]...",
	.options = specs,
	.request_size = sizeof(struct request),
	.defaults = &defaults,
	.check = check,
	.read = read_input,
	.needs = 5,
	.takes_lock = true,
	.only_reads = only_reads,
	.run = run,
	.commit = commit,
	.done = done,
};

static int show_run(void *data, struct error *err)
{
	(void)data;
	return step("show", err);
}

static const struct command show = { .name = "show", .summary = "s", .usage = "", .run = show_run };
static const struct command shut = { .name = "shut", .summary = "s", .usage = "", .run = show_run };

static bool needs_program(const void *data)
{
	const struct request *request = data;

	return request->wrong;
}

static const struct command split = {
	.name = "part",
	.summary = "s",
	.usage = "",
	.program = "xdp-ipfilter-nowhere",
	.needs_program = needs_program,
	.instead_of_program = "do without",
	.options = specs,
	.request_size = sizeof(struct request),
	.needs = 5,
	.run = show_run,
};

static const struct command *const commands[] = { &change, &show, &shut, &split, NULL };

static int start(unsigned int needs, struct error *err)
{
	assert_true(needs == 0 || needs == 5);
	return step("start", err);
}

static int ready(unsigned int needs, struct error *err)
{
	assert_true(needs == 0 || needs == 5);
	return step("ready", err);
}

static unsigned int lock_timeout;

static void set_lock_timeout(unsigned int seconds)
{
	lock_timeout = seconds;
}

static int take_lock(struct error *err)
{
	int ret = step("lock", err);
	int ends[2];

	if (ret)
		return ret;
	assert_int_equal(pipe(ends), 0);
	lock_probe = ends[1];
	return ends[0];
}

static const struct command_table table = {
	.version = "1.2",
	.summary = "A summary.",
	.commands = commands,
	.start = start,
	.ready = ready,
	.set_lock_timeout = set_lock_timeout,
	.take_lock = take_lock,
};

struct command_case {
	const char *name;
	char *arguments[MAX_ARGUMENTS];
	const char *failing; /* NULL: no step */
	const char *said;    /* NULL: it succeeds */
	const char *steps;
	unsigned int lock_timeout;
};

#define ALL " start check read ready lock run commit done-locked"

static const struct command_case command_cases[] = {
	{ "all steps in their order", { "change" }, NULL, NULL, ALL, 10 },
	{ "an abbreviation", { "c" }, NULL, NULL, ALL, 10 },
	{ "a request that only reads takes no lock",
	  { "change", "--harmless" },
	  NULL,
	  NULL,
	  " start check read ready run commit done",
	  10 },
	{ "a command without most steps", { "show" }, NULL, NULL, " start ready show", 10 },
	{ "a start that fails", { "change" }, "start", "start fails", " start", 10 },
	{ "input that fails", { "change" }, "read", "read fails", " start check read done", 10 },
	{ "not ready", { "change" }, "ready", "ready fails", " start check read ready done", 10 },
	{ "no lock", { "change" }, "lock", "lock fails", " start check read ready lock done", 10 },
	{ "work that fails",
	  { "change" },
	  "run",
	  "run fails",
	  " start check read ready lock run done-locked",
	  10 },
	{ "a commit that fails", { "change" }, "commit", "commit fails", ALL, 10 },
	{ "a request that is refused as a whole",
	  { "change", "--wrong" },
	  NULL,
	  "change: all is wrong; see 'xdp-ipfilter change --help'",
	  " start check done",
	  10 },
	{ "a request that is not for the other program",
	  { "part" },
	  NULL,
	  NULL,
	  " start ready show",
	  10 },
	{ "an option that is refused",
	  { "change", "-n", "0" },
	  NULL,
	  "change: --number N: '0' is not a number from 1 to 9; see 'xdp-ipfilter change --help'",
	  " start done",
	  10 },
	{ "a positional where none is taken",
	  { "show", "x" },
	  NULL,
	  "show: 'x': unexpected argument; see 'xdp-ipfilter show --help'",
	  " start",
	  10 },
	{ "the lock's timeout before the command",
	  { "--lock-timeout", "0", "show" },
	  NULL,
	  NULL,
	  " start ready show",
	  0 },
	{ "the lock's timeout after the command counts",
	  { "--lock-timeout=0", "show", "--lock-timeout=7" },
	  NULL,
	  NULL,
	  " start ready show",
	  7 },
	{ "no command",
	  { NULL },
	  NULL,
	  "usage: xdp-ipfilter COMMAND [OPTION]... [ARGUMENT]...; see 'xdp-ipfilter --help'",
	  "",
	  99 },
	{ "an unknown command",
	  { "grow" },
	  NULL,
	  "'grow': unknown command; see 'xdp-ipfilter --help'",
	  "",
	  99 },
	{ "an abbreviation of two commands",
	  { "sh" },
	  NULL,
	  "'sh' is ambiguous: show, shut",
	  "",
	  99 },
	{ "an empty command",
	  { "" },
	  NULL,
	  "'': unknown command; see 'xdp-ipfilter --help'",
	  "",
	  99 },
};

static void check_command(void **state)
{
	const struct command_case *c = *state;
	char *argv[MAX_ARGUMENTS + 2] = { (char *)"tool" };
	struct error err = { 0 };
	sigset_t before;
	int argc = 1, ret;

	while (argc <= MAX_ARGUMENTS && c->arguments[argc - 1]) {
		argv[argc] = c->arguments[argc - 1];
		argc++;
	}
	steps[0] = '\0';
	failing = c->failing;
	lock_timeout = 99;
	lock_probe = -1;
	sigprocmask(SIG_BLOCK, NULL, &before);
	ret = command_main(&table, argc, argv, &err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_string_equal(err.text, c->said ? c->said : "");
	assert_int_equal(ret, !c->said ? 0 : c->failing ? -ENOENT : -EINVAL);
	assert_true(error_is(&err, !c->said   ? ERROR_FAILURE :
				   c->failing ? ERROR_ABSENT :
						ERROR_USAGE));
	assert_string_equal(steps, c->steps);
	assert_int_equal(lock_timeout, c->lock_timeout);
	assert_false(lock_is_held());
	if (lock_probe >= 0)
		close(lock_probe);
}

/* Nothing is done before, and nothing given up. */
static void a_request_for_a_program_that_is_missing(void **state)
{
	char *argv[] = { (char *)"tool", (char *)"part", (char *)"--wrong", NULL };
	struct error err = { 0 };

	(void)state;
	steps[0] = '\0';
	failing = NULL;
	assert_int_equal(command_main(&table, 3, argv, &err), -ENOENT);
	assert_non_null(strstr(err.text, "part: xdp-ipfilter-nowhere is not installed"));
	assert_non_null(strstr(err.text, "; do without"));
	assert_string_equal(steps, "");
}

int main(void)
{
	static struct suite suite;

	/* A write to a lock that is closed fails. */
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_WARNINGS);
	SUITE_TABLE(&suite, check_command, command_cases);
	suite_add(&suite, "a request for a program that is missing",
		  a_request_for_a_program_that_is_missing, NULL);
	return suite_run(&suite, "command");
}
