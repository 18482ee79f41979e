// SPDX-License-Identifier: GPL-2.0
/*
 * Does the loop call back in time, for everything that is ready, until it must end?
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <util/clock.h>
#include <util/error.h>
#include <util/loop.h>
#include <util/signals.h>

#define MS CLOCK_NS_PER_MS
#define LONG_NS (3600 * CLOCK_NS_PER_S) /* never passes within a test */

/* What a callback does, and how often it was called. */
struct probe {
	int returns; /* after `lasts` calls; before, 0 */
	unsigned int lasts;
	unsigned int sleeps_ms;
	int raises; /* a signal; 0: none */
	int drains; /* a descriptor; 0: none */
	unsigned int calls;
};

static int probe_call(void *context, struct error *err)
{
	struct probe *probe = context;
	char byte;

	probe->calls++;
	if (probe->sleeps_ms)
		nanosleep(&(struct timespec){ .tv_nsec = (long)(probe->sleeps_ms * MS) }, NULL);
	if (probe->raises)
		raise(probe->raises);
	if (probe->drains)
		assert_int_equal(read(probe->drains, &byte, 1), 1);
	if (probe->calls < probe->lasts || !probe->returns)
		return 0;
	return probe->returns < 0 ? error_set(err, probe->returns, "it failed") : probe->returns;
}

struct fixture {
	struct loop loop;
	struct error err;
};

/* Removes descriptors when it is called, and ends the loop if it shall. */
struct remover {
	struct loop *loop;
	int fds[2];
	unsigned int calls;
	int returns;
};

static int remove_call(void *context, struct error *err)
{
	struct remover *remover = context;

	(void)err;
	remover->calls++;
	loop_remove(remover->loop, remover->fds[0]);
	loop_remove(remover->loop, remover->fds[1]);
	return remover->returns;
}

static void start(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
}

static void add_timer(struct fixture *fixture, uint64_t interval_ns, struct probe *probe)
{
	assert_int_equal(loop_add_timer(&fixture->loop, interval_ns, probe_call, probe,
					&fixture->err),
			 0);
}

static int run(struct fixture *fixture)
{
	return loop_run(&fixture->loop, &fixture->err);
}

static void test_timer_calls_each_interval(void **state)
{
	struct probe probe = { .returns = 7, .lasts = 5 };
	struct fixture fixture;
	uint64_t before;

	(void)state;
	start(&fixture);
	before = clock_monotonic_ns();
	add_timer(&fixture, 2 * MS, &probe);
	assert_int_equal(run(&fixture), 7);
	assert_int_equal(probe.calls, 5);
	assert_true(clock_monotonic_ns() - before >= 10 * MS);
	loop_done(&fixture.loop);
}

/* Five calls of 75 ms each fit in five intervals of 100 ms: 575 ms in all. A loop that waited for
 * an interval after each call would take 875 ms. */
static void test_slow_callback_does_not_shift_the_next(void **state)
{
	struct probe probe = { .returns = 1, .lasts = 5, .sleeps_ms = 75 };
	struct fixture fixture;
	uint64_t before, took_ms;

	(void)state;
	start(&fixture);
	before = clock_monotonic_ns();
	add_timer(&fixture, 100 * MS, &probe);
	assert_int_equal(run(&fixture), 1);
	took_ms = (clock_monotonic_ns() - before) / MS;
	assert_uint_in_range(took_ms, 5 * 100 + 75, 5 * 100 + 75 + 290);
	loop_done(&fixture.loop);
}

/* Each call takes ten intervals. If the loop made up for missed ones, the other timer would wait
 * for dozens of calls. */
static void test_missed_intervals_are_one_call(void **state)
{
	struct probe slow = { .sleeps_ms = 20 }, other = { .returns = 1, .lasts = 3 };
	struct fixture fixture;

	(void)state;
	start(&fixture);
	add_timer(&fixture, 2 * MS, &slow);
	add_timer(&fixture, 2 * MS, &other);
	assert_int_equal(run(&fixture), 1);
	assert_uint_in_range(slow.calls, 3, 2 * 3); /* alone, and with the other */
	loop_done(&fixture.loop);
}

static void test_failure_ends_with_its_message(void **state)
{
	struct probe probe = { .returns = -EIO, .lasts = 2 };
	struct fixture fixture;

	(void)state;
	start(&fixture);
	add_timer(&fixture, MS, &probe);
	assert_int_equal(run(&fixture), -EIO);
	assert_string_equal(fixture.err.text, "it failed");
	assert_int_equal(probe.calls, 2);
	loop_done(&fixture.loop);
}

static void test_descriptor_calls_while_readable(void **state)
{
	struct probe timer = { 0 }, probe = { .returns = 1, .lasts = 2 };
	struct fixture fixture;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	start(&fixture);
	probe.drains = ends[0];
	add_timer(&fixture, LONG_NS, &timer);
	assert_int_equal(loop_add(&fixture.loop, ends[0], probe_call, &probe, &fixture.err), 0);
	assert_int_equal(run(&fixture), 1);
	assert_int_equal(probe.calls, 2);
	assert_int_equal(timer.calls, 0);
	loop_done(&fixture.loop);
	/* It still belongs to the caller. */
	assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	close(ends[0]);
	close(ends[1]);
}

static void test_closed_end_calls_too(void **state)
{
	struct probe probe = { .returns = 1 };
	struct fixture fixture;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]);
	start(&fixture);
	assert_int_equal(loop_add(&fixture.loop, ends[0], probe_call, &probe, &fixture.err), 0);
	assert_int_equal(run(&fixture), 1);
	loop_done(&fixture.loop);
	close(ends[0]);
}

/* Adds more than the arrays can hold at first, from a callback. */
struct adder {
	struct fixture *fixture;
	struct probe *probe;
	bool done;
};

static int add_many(void *context, struct error *err)
{
	struct adder *adder = context;
	int ret = 0;

	for (int i = 0; i < 100 && !adder->done && !ret; i++)
		ret = loop_add_timer(&adder->fixture->loop, MS, probe_call, adder->probe, err);
	adder->done = true;
	return ret;
}

static void test_callback_may_add(void **state)
{
	struct probe probe = { .returns = 1, .lasts = 100 };
	struct fixture fixture;
	struct adder adder = { .fixture = &fixture, .probe = &probe };

	(void)state;
	start(&fixture);
	assert_int_equal(loop_add_timer(&fixture.loop, MS, add_many, &adder, &fixture.err), 0);
	assert_int_equal(run(&fixture), 1);
	assert_int_equal(probe.calls, 100);
	loop_done(&fixture.loop);
}

struct signal_case {
	const char *name;
	int number;
};

/* Takes the signal and ends the loop. */
static int end(void *context, struct error *err)
{
	const int *fd = context;
	struct signalfd_siginfo info;

	(void)err;
	assert_int_equal(read(*fd, &info, sizeof(info)), sizeof(info));
	return 9;
}

static int add_signals(struct fixture *fixture, int *fd)
{
	*fd = signals_open(&fixture->err);
	assert_true(*fd >= 0);
	return loop_add(&fixture->loop, *fd, end, fd, &fixture->err);
}

static void test_signal_ends(void **state)
{
	const struct signal_case *c = *state;
	struct probe probe = { .raises = c->number };
	struct fixture fixture;
	int signals;

	start(&fixture);
	assert_int_equal(add_signals(&fixture, &signals), 0);
	add_timer(&fixture, MS, &probe);
	assert_int_equal(run(&fixture), 9);
	assert_int_equal(probe.calls, 1);
	loop_done(&fixture.loop);
	close(signals);
}

/* Even a signal that came before the loop ran, and while a callback is due. */
static void test_held_signal_ends_before_any_call(void **state)
{
	const struct signal_case *c = *state;
	struct probe probe = { .returns = 1 };
	struct fixture fixture;
	int signals;

	signals_hold();
	raise(c->number);
	start(&fixture);
	assert_int_equal(add_signals(&fixture, &signals), 0);
	add_timer(&fixture, 1, &probe);
	nanosleep(&(struct timespec){ .tv_nsec = MS }, NULL);
	assert_int_equal(run(&fixture), 9);
	assert_int_equal(probe.calls, 0);
	loop_done(&fixture.loop);
	close(signals);
}

static void test_ignored_hangup_does_not_end(void **state)
{
	struct probe probe = { .returns = 1, .lasts = 3, .raises = SIGHUP };
	struct fixture fixture;
	sigset_t set;
	int signals;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	start(&fixture);
	assert_int_equal(add_signals(&fixture, &signals), 0);
	add_timer(&fixture, MS, &probe);
	assert_int_equal(run(&fixture), 1);
	assert_int_equal(probe.calls, 3);
	loop_done(&fixture.loop);
	close(signals);
	signal(SIGHUP, SIG_DFL);
}

static unsigned int open_descriptors(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_done_closes_its_own(void **state)
{
	unsigned int before = open_descriptors();
	struct probe probe = { 0 };
	struct fixture fixture;

	(void)state;
	start(&fixture);
	add_timer(&fixture, MS, &probe);
	add_timer(&fixture, MS, &probe);
	assert_int_equal(open_descriptors(), before + 2);
	loop_done(&fixture.loop);
	assert_int_equal(open_descriptors(), before);
}

static const struct signal_case signal_cases[] = {
	{ "SIGINT", SIGINT },
	{ "SIGTERM", SIGTERM },
	{ "SIGQUIT", SIGQUIT },
	{ "SIGHUP", SIGHUP },
};

/* Both are readable; the first call removes both, so the second one is never made. A timer ends
 * it. */
static void test_callback_may_remove(void **state)
{
	struct fixture fixture;
	struct remover first, second;
	struct probe timer = { .returns = 1, .lasts = 2 };
	int pipes[2][2];

	(void)state;
	start(&fixture);
	assert_int_equal(pipe(pipes[0]) | pipe(pipes[1]), 0);
	assert_int_equal(write(pipes[0][1], "x", 1) + write(pipes[1][1], "x", 1), 2);
	first = (struct remover){ &fixture.loop, { pipes[0][0], pipes[1][0] }, 0, 0 };
	second = first;
	assert_int_equal(loop_add(&fixture.loop, pipes[0][0], remove_call, &first, NULL), 0);
	assert_int_equal(loop_add(&fixture.loop, pipes[1][0], remove_call, &second, NULL), 0);
	add_timer(&fixture, MS, &timer);
	assert_int_equal(loop_run(&fixture.loop, &fixture.err), 1);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_int_equal(fixture.loop.count, 1);
	loop_remove(&fixture.loop, pipes[0][0]);
	/* What was removed can come back. */
	first.returns = 2;
	assert_int_equal(loop_add(&fixture.loop, pipes[0][0], remove_call, &first, NULL), 0);
	assert_int_equal(loop_run(&fixture.loop, &fixture.err), 2);
	for (int i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
	loop_done(&fixture.loop);
}

static void test_after_all_that_were_due(void **state)
{
	struct fixture fixture;
	struct probe one = { 0 }, two = { 0 }, after = { .returns = 1, .lasts = 2 };
	int ends[2];

	(void)state;
	start(&fixture);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop_add(&fixture.loop, ends[0], probe_call, &one, NULL), 0);
	assert_int_equal(loop_add_output(&fixture.loop, ends[1], probe_call, &two, NULL), 0);
	loop_set_after(&fixture.loop, probe_call, &after);
	assert_int_equal(loop_run(&fixture.loop, &fixture.err), 1);
	assert_int_equal(one.calls, 2);
	assert_int_equal(two.calls, 2);
	close(ends[0]);
	close(ends[1]);
	loop_done(&fixture.loop);
}

static void test_output_calls_while_there_is_room(void **state)
{
	struct fixture fixture;
	struct probe room = { .returns = 1, .lasts = 3 };
	int ends[2];

	(void)state;
	start(&fixture);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(loop_add_output(&fixture.loop, ends[1], probe_call, &room, NULL), 0);
	assert_int_equal(loop_run(&fixture.loop, &fixture.err), 1);
	assert_int_equal(room.calls, 3);
	close(ends[0]);
	close(ends[1]);
	loop_done(&fixture.loop);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "a timer calls each interval", test_timer_calls_each_interval, NULL);
	suite_add(&suite, "a slow callback does not shift the next",
		  test_slow_callback_does_not_shift_the_next, NULL);
	suite_add(&suite, "missed intervals are one call", test_missed_intervals_are_one_call,
		  NULL);
	suite_add(&suite, "a failure ends with its message", test_failure_ends_with_its_message,
		  NULL);
	suite_add(&suite, "a descriptor calls while readable", test_descriptor_calls_while_readable,
		  NULL);
	suite_add(&suite, "a closed end calls too", test_closed_end_calls_too, NULL);
	suite_add(&suite, "a callback may add", test_callback_may_add, NULL);
	suite_add(&suite, "a callback may remove", test_callback_may_remove, NULL);
	suite_add(&suite, "after all that were due", test_after_all_that_were_due, NULL);
	suite_add(&suite, "output calls while there is room", test_output_calls_while_there_is_room,
		  NULL);
	suite_add(&suite, "done closes what is its own", test_done_closes_its_own, NULL);
	SUITE_TABLE(&suite, test_signal_ends, signal_cases);
	SUITE_TABLE(&suite, test_held_signal_ends_before_any_call, signal_cases);
	suite_add(&suite, "an ignored SIGHUP does not end", test_ignored_hangup_does_not_end, NULL);
	return suite_run(&suite, "loop");
}
