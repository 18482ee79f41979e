// SPDX-License-Identifier: GPL-2.0
/*
 * Which signals end the program, and when must they wait?
 */
#include <util/signals.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <util/error.h>

static sigset_t ending_signals(void)
{
	struct sigaction hangup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	if (sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	return set;
}

void signals_hold(void)
{
	const sigset_t set = ending_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

int signals_open(struct error *err)
{
	const sigset_t set = ending_signals();
	int fd, ret;

	signals_hold();
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd >= 0)
		return fd;
	ret = -errno;
	return error_set(err, ret, "cannot wait for signals: %s", strerror(-ret));
}

int signals_read(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
