// SPDX-License-Identifier: GPL-2.0
/*
 * What does a source program get that asks for counters?
 */
#include <sync/answering.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <source/tally.h>
#include <sync/counted.h>
#include <util/error.h>
#include <util/loop.h>

static void forget(struct answering *answering)
{
	if (answering->text)
		loop_remove(answering->loop, answering->input);
	free(answering->text);
	answering->text = NULL;
}

/* Sends as much as the pipe takes. A program that has gone is noticed elsewhere. */
static int send_some(void *context, struct error *err)
{
	struct answering *answering = context;
	ssize_t sent = write(answering->input, answering->text + answering->sent,
			     answering->length - answering->sent);

	(void)err;
	if (sent < 0 && errno == EAGAIN)
		return 0;
	if (sent > 0)
		answering->sent += (size_t)sent;
	if (sent <= 0 || answering->sent == answering->length)
		forget(answering);
	return 0;
}

static int format(struct answering *answering, const struct tally *counters, struct error *err)
{
	FILE *file = open_memstream(&answering->text, &answering->length);
	int ret;

	if (!file)
		return error_no_memory(err);
	ret = tally_write(counters, file, err);
	if (fclose(file) && !ret)
		ret = error_no_memory(err);
	return ret;
}

static int answer(struct answering *answering, const char *set, struct error *err)
{
	struct tally counters = { 0 };
	int ret = counted_read(set, &counters, err);

	if (ret) {
		/* No answer: one without numbers would look as if all began anew. It asks again. */
		tally_done(&counters);
		return -EAGAIN;
	}
	answering->sent = 0;
	ret = format(answering, &counters, err);
	tally_done(&counters);
	if (!ret)
		ret = loop_add_output(answering->loop, answering->input, send_some, answering, err);
	if (ret) {
		free(answering->text);
		answering->text = NULL;
	}
	return ret;
}

int answering_take_question(struct answering *answering, const char *set, struct loop *loop,
			    int input, struct error *err)
{
	answering->asks = answering->was_answered;
	if (answering->was_answered)
		return 0;
	answering->was_answered = true;
	/* It asks again before it has read the last answer? */
	if (answering->text)
		return 0;
	answering->loop = loop;
	answering->input = input;
	return answer(answering, set, err);
}

bool answering_tick(struct answering *answering)
{
	answering->was_answered = false;
	return answering->asks;
}

void answering_stop(struct answering *answering)
{
	forget(answering);
	answering->asks = false;
}
