// SPDX-License-Identifier: GPL-2.0
/*
 * How do commands that change something wait for each other?
 */
#include <dataplane/lock.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <dataplane/capability.h>
#include <dataplane/kernel.h>
#include <dataplane/netdev.h>
#include <dataplane/ticket.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>

#define DEFAULT_TIMEOUT_S 10

/* Each pause is longer than the one before. */
#define PAUSE_NS CLOCK_NS_PER_MS
#define MAX_PAUSE_NS (16 * CLOCK_NS_PER_MS)

/* Even a command that does not wait tries so often, for a holder that is just ending. */
#define MIN_TRIES 3

static unsigned int timeout_s = DEFAULT_TIMEOUT_S;

void lock_set_timeout(unsigned int seconds)
{
	timeout_s = seconds;
}

bool lock_pause(struct lock_patience *patience)
{
	uint64_t now = clock_monotonic_ns(), pause_ns;

	if (!patience->tries)
		patience->end_ns = now + timeout_s * CLOCK_NS_PER_S;
	if (++patience->tries > MIN_TRIES && now >= patience->end_ns)
		return false;
	pause_ns = PAUSE_NS + patience->tries * (PAUSE_NS / 16);
	if (pause_ns > MAX_PAUSE_NS)
		pause_ns = MAX_PAUSE_NS;
	/* The pause differs between waiting commands, so they do not all wake at once. */
	nanosleep(&(struct timespec){ .tv_nsec = (long)(pause_ns + now % pause_ns) }, NULL);
	return true;
}

/* Network namespaces that the kernel does not distinguish (before 5.14) share one queue. So do any
 * two others with a probability of 1 in 2^28. */
static void queue_name(char name[16])
{
	unsigned long long cookie = netdev_netns_cookie();

	snprintf(name, 16, "ipf_lock%07x", (unsigned int)(cookie ^ cookie >> 28) & 0xfffffff);
}

static int timed_out(__u32 first, struct error *err)
{
	char holder[TICKET_HOLDER_SIZE];

	ticket_holder(first, holder);
	return error_set(err, -ETIMEDOUT,
			 "%s is changing something and has not finished after %u s; end it, or "
			 "wait longer with --lock-timeout",
			 holder, timeout_s);
}

/* Waits until there is no lower ticket. */
static int wait_in_queue(const char *queue, __u32 own, struct error *err)
{
	struct lock_patience patience = { 0 };
	__u32 first = 0;

	for (;;) {
		int ret = 0;

		if (!first || !ticket_is_held(first, queue))
			ret = ticket_next(queue, first, own, &first);
		if (ret)
			return error_set(err, ret, "cannot look for other commands: %s",
					 kernel_strerror(ret));
		if (!first)
			return 0;
		if (!patience.tries && timeout_s)
			log_verbose("waiting for another xdp-ipfilter to finish");
		if (!lock_pause(&patience))
			return timed_out(first, err);
	}
}

int lock_take(struct error *err)
{
	char queue[16];
	auto_fd int fd = -1;
	__u32 own;
	int ret;

	queue_name(queue);
	fd = ticket_make(queue, &own);
	if (capability_explains(fd))
		return error_prefix(err, capability_refused(err),
				    "the kernel does not let us make a map to queue with");
	if (fd < 0)
		return error_set(err, fd, "cannot make a map to queue with: %s",
				 kernel_strerror(fd));
	ret = wait_in_queue(queue, own, err);
	return ret ? ret : auto_take_fd(&fd);
}

int lock_try(struct error *err)
{
	const unsigned int before_s = timeout_s;
	int ret;

	timeout_s = 0;
	ret = lock_take(err);
	timeout_s = before_s;
	return ret;
}
