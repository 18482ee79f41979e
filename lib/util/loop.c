// SPDX-License-Identifier: GPL-2.0
/*
 * What does a program that keeps running wait for, and what ends it?
 *
 * Signals and timers are descriptors too. The signals are the first one, so they are seen first.
 */
#include <util/loop.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <util/array.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/signals.h>

#define SIGNALS 0 /* the descriptor that ends the loop */

struct loop_watch {
	loop_callback call;
	void *context;
	bool own; /* the signals or a timer: read and closed here */
};

static int add(struct loop *loop, int fd, struct loop_watch watch, struct error *err)
{
	size_t need = loop->count + 1;

	if (array_reserve(&loop->descriptors, &loop->descriptor_capacity, need,
			  sizeof(*loop->descriptors)) ||
	    array_reserve(&loop->watches, &loop->watch_capacity, need, sizeof(*loop->watches)))
		return error_set(err, -ENOMEM, "out of memory");
	loop->descriptors[loop->count] = (struct pollfd){ .fd = fd, .events = POLLIN };
	loop->watches[loop->count++] = watch;
	return 0;
}

int loop_init(struct loop *loop, struct error *err)
{
	sigset_t set;
	auto_fd int fd = -1;
	int ret;

	*loop = (struct loop){ 0 };
	signals_hold();
	signals_ending(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		ret = -errno;
		return error_set(err, ret, "cannot wait for signals: %s", strerror(-ret));
	}
	ret = add(loop, fd, (struct loop_watch){ .own = true }, err);
	if (ret)
		loop_done(loop);
	else
		auto_take_fd(&fd);
	return ret;
}

void loop_done(struct loop *loop)
{
	for (size_t i = 0; i < loop->count; i++)
		if (loop->watches[i].own)
			close(loop->descriptors[i].fd);
	free(loop->descriptors);
	free(loop->watches);
	*loop = (struct loop){ 0 };
}

int loop_add(struct loop *loop, int fd, loop_callback call, void *context, struct error *err)
{
	return add(loop, fd, (struct loop_watch){ .call = call, .context = context }, err);
}

int loop_add_timer(struct loop *loop, uint64_t interval_ns, loop_callback call, void *context,
		   struct error *err)
{
	const struct timespec interval = {
		.tv_sec = (time_t)(interval_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(interval_ns % CLOCK_NS_PER_S),
	};
	const struct itimerspec spec = { .it_interval = interval, .it_value = interval };
	auto_fd int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int ret;

	if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL)) {
		ret = -errno;
		return error_set(err, ret, "cannot make a timer: %s", strerror(-ret));
	}
	ret = add(loop, fd, (struct loop_watch){ .call = call, .context = context, .own = true },
		  err);
	if (!ret)
		auto_take_fd(&fd);
	return ret;
}

/* Takes the signal, or the number of times that the timer expired: nobody asks for either. */
static bool take(int fd)
{
	char bytes[sizeof(struct signalfd_siginfo)];

	return read(fd, bytes, sizeof(bytes)) > 0;
}

static bool has_ended(const struct loop *loop)
{
	return loop->descriptors[SIGNALS].revents && take(loop->descriptors[SIGNALS].fd);
}

/* Callbacks may add descriptors, which moves the arrays; those are polled the next time. */
static int run_ready(const struct loop *loop, struct error *err)
{
	size_t count = loop->count;
	int ret = 0;

	for (size_t i = SIGNALS + 1; i < count && !ret; i++) {
		const struct loop_watch watch = loop->watches[i];

		if (!loop->descriptors[i].revents)
			continue;
		if (!watch.own || take(loop->descriptors[i].fd))
			ret = watch.call(watch.context, err);
	}
	return ret;
}

int loop_run(struct loop *loop, struct error *err)
{
	int ret = 0;

	while (!ret) {
		if (poll(loop->descriptors, loop->count, -1) < 0) {
			if (errno == EINTR) /* stopped and continued */
				continue;
			ret = -errno;
			return error_set(err, ret, "cannot wait: %s", strerror(-ret));
		}
		if (has_ended(loop))
			return 0;
		ret = run_ready(loop, err);
	}
	return ret;
}
