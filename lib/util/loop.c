// SPDX-License-Identifier: GPL-2.0
/*
 * What does a program that keeps running wait for?
 */
#include <util/loop.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <util/array.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

struct loop_watch {
	loop_callback call;
	void *context;
	bool timer; /* its descriptor is read and closed here */
};

void loop_done(struct loop *loop)
{
	for (size_t i = 0; i < loop->count; i++)
		if (loop->watches[i].timer)
			close(loop->descriptors[i].fd);
	free(loop->descriptors);
	free(loop->watches);
	*loop = (struct loop){ 0 };
}

static int add(struct loop *loop, const struct pollfd *descriptor, loop_callback call,
	       void *context, struct error *err)
{
	size_t need = loop->count + 1;

	if (array_reserve(&loop->descriptors, &loop->descriptor_capacity, need,
			  sizeof(*loop->descriptors)) ||
	    array_reserve(&loop->watches, &loop->watch_capacity, need, sizeof(*loop->watches)))
		return error_no_memory(err);
	loop->descriptors[loop->count] = *descriptor;
	loop->watches[loop->count] = (struct loop_watch){ .call = call, .context = context };
	loop->count++;
	return 0;
}

int loop_add(struct loop *loop, int fd, loop_callback call, void *context, struct error *err)
{
	return add(loop, &(struct pollfd){ .fd = fd, .events = POLLIN }, call, context, err);
}

int loop_add_output(struct loop *loop, int fd, loop_callback call, void *context, struct error *err)
{
	return add(loop, &(struct pollfd){ .fd = fd, .events = POLLOUT }, call, context, err);
}

/* poll(2) ignores a descriptor below 0; drop_removed() takes it out when no callback runs. */
void loop_remove(struct loop *loop, int fd)
{
	for (size_t i = 0; i < loop->count; i++) {
		if (loop->descriptors[i].fd != fd)
			continue;
		loop->descriptors[i].fd = -1;
		loop->descriptors[i].revents = 0;
	}
}

static void drop_removed(struct loop *loop)
{
	size_t kept = 0;

	for (size_t i = 0; i < loop->count; i++) {
		if (loop->descriptors[i].fd < 0)
			continue;
		loop->descriptors[kept] = loop->descriptors[i];
		loop->watches[kept++] = loop->watches[i];
	}
	loop->count = kept;
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
	ret = loop_add(loop, fd, call, context, err);
	if (ret)
		return ret;
	loop->watches[loop->count - 1].timer = true;
	auto_take_fd(&fd);
	return 0;
}

/* Has the timer expired? How often does not matter. */
static bool take_timer(int fd)
{
	uint64_t expired;

	return read(fd, &expired, sizeof(expired)) > 0;
}

/* Callbacks may add descriptors, which moves the arrays; those are polled the next time. Those that
 * callbacks remove have no events any more. */
static int run_ready(const struct loop *loop, struct error *err)
{
	size_t count = loop->count;
	int ret = 0;

	for (size_t i = 0; i < count && !ret; i++) {
		const struct loop_watch watch = loop->watches[i];

		if (!loop->descriptors[i].revents)
			continue;
		if (!watch.timer || take_timer(loop->descriptors[i].fd))
			ret = watch.call(watch.context, err);
	}
	return ret;
}

void loop_set_after(struct loop *loop, loop_callback call, void *context)
{
	loop->after = call;
	loop->after_context = context;
}

int loop_run(struct loop *loop, struct error *err)
{
	int ret = 0;

	while (!ret) {
		if (poll(loop->descriptors, loop->count, -1) >= 0) {
			ret = run_ready(loop, err);
			if (!ret && loop->after)
				ret = loop->after(loop->after_context, err);
			drop_removed(loop);
		} else if (errno != EINTR) { /* EINTR: stopped and continued */
			ret = -errno;
			error_set(err, ret, "cannot wait: %s", strerror(-ret));
		}
	}
	return ret;
}
