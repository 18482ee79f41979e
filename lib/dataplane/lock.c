/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do commands that change something wait for each other?
 */
#include <dataplane/lock.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include <util/cleanup.h>
#include <util/error.h>
#include <util/log.h>

#define DEFAULT_TIMEOUT_S 10

/* The alarm comes again and again: the first one can come before flock() sleeps. */
#define ALARM_AGAIN_US 10000

static unsigned int timeout_s = DEFAULT_TIMEOUT_S;

void lock_set_timeout(unsigned int seconds)
{
	timeout_s = seconds;
}

/* Who holds the lock, says the kernel: what a holder had written into the file could be stale. 0
 * where it does not say (no /proc, or a process of another PID namespace). */
static pid_t holder(int fd)
{
	auto_file FILE *locks = fopen("/proc/locks", "re");
	auto_free char *line = NULL;
	struct stat file;
	size_t size = 0;

	if (!locks || fstat(fd, &file))
		return 0;
	while (getline(&line, &size, locks) > 0) {
		unsigned int device_major, device_minor;
		unsigned long inode;
		int pid;

		if (sscanf(line, "%*u: FLOCK %*s WRITE %d %x:%x:%lu", &pid, &device_major,
			   &device_minor, &inode) == 4 &&
		    inode == file.st_ino && makedev(device_major, device_minor) == file.st_dev)
			return pid > 0 ? pid : 0;
	}
	return 0;
}

/* The holder can have ended and left the lock to a child. */
static void name_process(pid_t pid, char *out, size_t size)
{
	char path[32], name[17] = "gone";
	auto_fd int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (length > 0)
		name[length] = '\0';
	name[strcspn(name, "\n")] = '\0';
	snprintf(out, size, "process %d (%s)", pid, name);
}

static int timed_out(int fd, struct error *err)
{
	char who[64] = "another process";
	pid_t pid = holder(fd);

	if (pid)
		name_process(pid, who, sizeof(who));
	return error_set(err, -ETIMEDOUT,
			 "%s is changing something and still holds " LOCK_PATH
			 " after %u s; end it, or wait longer with --lock-timeout",
			 who, timeout_s);
}

static volatile sig_atomic_t alarm_came;

static void on_alarm(int number)
{
	(void)number;
	alarm_came = 1;
}

/* Queues for the lock, so that nobody starves, until an alarm interrupts. */
static int lock_until_alarm(int fd)
{
	const struct itimerval timer = {
		.it_value.tv_sec = timeout_s,
		.it_interval.tv_usec = ALARM_AGAIN_US,
	};
	const struct sigaction action = { .sa_handler = on_alarm };
	struct sigaction old_action;
	sigset_t alarm, old_mask;
	int ret;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &action, &old_action);
	sigprocmask(SIG_UNBLOCK, &alarm, &old_mask);
	alarm_came = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
	do
		ret = flock(fd, LOCK_EX) ? -errno : 0;
	while (ret == -EINTR && !alarm_came);
	setitimer(ITIMER_REAL, &(struct itimerval){}, NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	sigaction(SIGALRM, &old_action, NULL);
	return ret;
}

int lock_take(struct error *err)
{
	auto_fd int fd = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0) {
		ret = -errno;
		return error_set(err, ret, "cannot open the lock file %s: %s", LOCK_PATH,
				 strerror(-ret));
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd_take(&fd);
	ret = -errno;
	if (ret == -EWOULDBLOCK && timeout_s) {
		log_verbose("waiting for another xdp-ipfilter to finish (%s)", LOCK_PATH);
		ret = lock_until_alarm(fd);
	}
	if (!ret)
		return fd_take(&fd);
	if (ret == -EINTR || ret == -EWOULDBLOCK)
		return timed_out(fd, err);
	return error_set(err, ret, "cannot lock %s: %s", LOCK_PATH, strerror(-ret));
}
