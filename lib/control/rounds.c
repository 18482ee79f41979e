// SPDX-License-Identifier: GPL-2.0
/*
 * When does a command that keeps running print again, and what ends it?
 */
#include <control/rounds.h>

#include <util/auto.h>
#include <util/clock.h>
#include <util/signals.h>

#define LAST 1 /* ends the loop */

struct counter {
	unsigned int left; /* 0: no end */
	loop_callback round;
	void *context;
};

static int count_round(void *context, struct error *err)
{
	struct counter *counter = context;
	int ret = counter->round(counter->context, err);

	if (ret)
		return ret;
	return counter->left && !--counter->left ? LAST : 0;
}

static int end_by_signal(void *context, struct error *err)
{
	(void)context;
	(void)err;
	return LAST;
}

int rounds_run(const struct rounds *rounds, loop_callback round, void *context, struct error *err)
{
	struct counter counter = { rounds->count, round, context };
	auto_fd int signals = signals_open(err);
	struct loop loop = { 0 };
	int ret = signals;

	/* First, so that no round is printed after a signal came. */
	if (ret >= 0)
		ret = loop_add(&loop, signals, end_by_signal, NULL, err);
	if (!ret)
		ret = loop_add_timer(&loop, rounds->interval_ms * CLOCK_NS_PER_MS, count_round,
				     &counter, err);
	if (!ret)
		ret = loop_run(&loop, err);
	loop_done(&loop);
	return ret < 0 ? ret : 0;
}
