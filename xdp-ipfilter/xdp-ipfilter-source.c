// SPDX-License-Identifier: GPL-2.0
/*
 * How is one source read, where nothing can be harmed?
 *
 * sync runs this program for each source: a job (<source/job.h>) comes in, deliveries
 * (<source/delivery.h>) go out.
 */
#include <signal.h>
#include <stdio.h>

#include <sandbox/sandbox.h>
#include <source/delivery.h>
#include <source/job.h>
#include <source/source.h>
#include <util/error.h>

static int run(struct error *err)
{
	struct job job = { 0 };
	int ret = sandbox_enter(SANDBOX_ASKS, err);

	if (!ret)
		ret = job_read(&job, stdin, err);
	if (!ret)
		ret = source_follow(&job, stdout, err);
	job_done(&job);
	return ret;
}

int main(void)
{
	struct error err = { 0 };
	int ret;

	signal(SIGPIPE, SIG_IGN);
	ret = run(&err);
	/* If sync has gone, nobody wants to know. */
	if (ret)
		delivery_trouble(stdout, err.text, NULL);
	return ret ? 1 : 0;
}
