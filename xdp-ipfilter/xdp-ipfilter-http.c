// SPDX-License-Identifier: GPL-2.0
/*
 * How are pages served by HTTP, where nothing can be harmed?
 *
 * `metrics --listen` runs this program: a socket that listens is CHILD_DESCRIPTOR, and standard
 * input is where pages come from (<metrics/channel.h>).
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <metrics/server.h>
#include <sandbox/child.h>
#include <sandbox/sandbox.h>
#include <util/error.h>

int main(void)
{
	struct error err = { 0 };
	int ret;

	signal(SIGPIPE, SIG_IGN);
	/* systemd sends it to all programs of a service. The one that reads filters ends us. */
	signal(SIGTERM, SIG_IGN);
	ret = sandbox_enter(SANDBOX_ANSWERS, &err);
	if (!ret)
		ret = server_run(CHILD_DESCRIPTOR, STDIN_FILENO, &err);
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	return ret ? 1 : 0;
}
