// SPDX-License-Identifier: GPL-2.0
/*
 * What is the time, as rules count it?
 *
 * The clock's tick is rounded down, the end of a rule up.
 */
#include <ruleset/tick.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

#define TICK_NS (1ull << IPF_TICK_SHIFT)

/* The inode of the initial time namespace (PROC_TIME_INIT_INO of the kernel): no other has it. */
#define INITIAL_INODE 0xeffffffa

/* tick_after() adds at most so much to the seconds asked for: one tick because `now` is rounded
 * down, and nearly one because the end is rounded up. */
#define SLACK_TICKS 2

int tick_parse_offset(const char *text, __s64 *offset_ns)
{
	const char *line = !strncmp(text, "boottime ", 9) ? text : strstr(text, "\nboottime ");
	long long seconds, ns;
	char after;

	if (!line || sscanf(line, " boottime %lld %lld%c", &seconds, &ns, &after) != 3 ||
	    after != '\n' || ns < 0 || ns >= (long long)CLOCK_NS_PER_S ||
	    seconds > INT64_MAX / (long long)CLOCK_NS_PER_S - 1 ||
	    seconds < INT64_MIN / (long long)CLOCK_NS_PER_S + 1)
		return -EINVAL;
	*offset_ns = seconds * (long long)CLOCK_NS_PER_S + ns;
	return 0;
}

static int read_offsets(__s64 *offset_ns)
{
	auto_fd int fd = open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	return tick_parse_offset(text, offset_ns);
}

/* The kernel shows the offsets of the namespace that our children would be in. Before Linux 6.2, a
 * process that entered a new one and then executed us is not in that one yet. */
static int find_offset(__s64 *offset_ns)
{
	struct stat own, children;

	*offset_ns = 0;
	if (stat("/proc/self/ns/time", &own)) {
		int ret = -errno;

		/* A kernel without time namespaces? Not if /proc is missing. */
		return ret == -ENOENT && !stat("/proc/self/ns", &own) ? 0 : ret;
	}
	if (stat("/proc/self/ns/time_for_children", &children))
		return -errno;
	if (own.st_ino != children.st_ino)
		return -EXDEV;
	return own.st_ino == INITIAL_INODE ? 0 : read_offsets(offset_ns);
}

/* The offset of this process, which its time namespace gives. */
static struct {
	bool known;
	int ret;
	__s64 ns;
} offset;

static void know_offset(void)
{
	if (!offset.known)
		offset.ret = find_offset(&offset.ns);
	offset.known = true;
}

int tick_check(struct error *err)
{
	know_offset();
	if (!offset.ret)
		return 0;
	if (offset.ret == -EXDEV)
		return error_set(
			err, -EIO,
			"cannot tell the time: this process runs in one time namespace, and its "
			"children would run in another; with unshare -T, use --fork");
	return error_set(
		err, -EIO,
		"cannot tell the kernel's time from that of a time namespace (/proc/self: %s), "
		"and rules would end too early; mount /proc",
		strerror(-offset.ret));
}

__u64 tick_clock_ns(void)
{
	know_offset();
	return clock_boot_ns() - (__u64)offset.ns;
}

__u32 tick_now(void)
{
	return (__u32)(tick_clock_ns() >> IPF_TICK_SHIFT);
}

__u32 tick_after(__u32 now, uint64_t seconds)
{
	__u64 after;

	if (seconds >=
	    UINT32_MAX) /* Far more ticks than 32 bits hold. Below, the product fits 64 bits. */
		return UINT32_MAX;
	after = now + 1ull + (seconds * CLOCK_NS_PER_S + TICK_NS - 1) / TICK_NS;
	return after < UINT32_MAX ? (__u32)after : UINT32_MAX;
}

uint64_t tick_seconds_left(__u32 expires, __u32 now)
{
	__u64 ticks;

	if (now >= expires)
		return 0;
	ticks = expires - now;
	if (ticks <= SLACK_TICKS)
		return 1;
	return ((ticks - SLACK_TICKS) * TICK_NS + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S;
}

__u32 tick_at(uint64_t unix_s, __u32 now, uint64_t unix_now_ns)
{
	__u64 ticks, after;

	if (unix_s <= unix_now_ns / CLOCK_NS_PER_S)
		return now;
	if (unix_s >= UINT32_MAX)
		return UINT32_MAX;
	ticks = (unix_s * CLOCK_NS_PER_S - unix_now_ns + TICK_NS - 1) / TICK_NS;
	after = now + 1ull + ticks;
	return after < UINT32_MAX ? (__u32)after : UINT32_MAX;
}

/* What was rounded up on the way there, and the part of a tick that has passed by now, are less
 * than three ticks. */
uint64_t tick_unix_s(__u32 tick, __u32 now, uint64_t unix_now_ns)
{
	const uint64_t rounding_ns = CLOCK_NS_PER_S - 3 * TICK_NS;

	if (tick <= now)
		return unix_now_ns / CLOCK_NS_PER_S;
	return (unix_now_ns + (tick - now) * TICK_NS + rounding_ns) / CLOCK_NS_PER_S;
}
