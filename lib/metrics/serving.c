// SPDX-License-Identifier: GPL-2.0
/*
 * How is the program that speaks HTTP kept at work?
 */
#include <metrics/serving.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <cli/extension.h>
#include <sandbox/child.h>
#include <util/auto.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>
#include <util/loop.h>
#include <util/notify.h>
#include <util/signals.h>

#define PROGRAM "xdp-ipfilter-http"

/* One that has run for so long is not one that fails at its start. */
#define GOOD_MS 60000
#define LONGEST_PAUSE_MS 30000

/* What it complains of, in a minute. */
#define COMPLAINTS 10
#define COMPLAINTS_MS 60000
#define COMPLAINT_SIZE 512

/* Ends loop_run(). */
#define LAST 1

struct serving {
	const char *path; /* of the program */
	int listener;
	int signals;
	struct loop loop;
	struct texts texts;
	/* The program that runs: */
	struct child child;
	int channel; /* -1: what it says counts no more */
	uint64_t started_ms, heard_ms;
	unsigned int answers;    /* in this second */
	bool is_paused;          /* until the next second */
	struct error said;       /* what it complained of last */
	unsigned int complaints; /* until: */
	uint64_t complaints_ms;
	/* The next one: */
	uint64_t due_ms;
	struct backoff backoff;
	bool was_ready; /* one of them was alive */
};

/* -- What it says ------------------------------------------------------------------------------ */

static void stop_listening(struct serving *serving)
{
	if (serving->channel < 0)
		return;
	if (!serving->is_paused)
		loop_remove(&serving->loop, serving->channel);
	close(serving->channel);
	serving->channel = -1;
	serving->is_paused = false;
}

/* Its end is noticed as that of any other. */
static void abandon(struct serving *serving, const char *why)
{
	log_warning(PROGRAM ": %s", why);
	stop_listening(serving);
	child_kill(&serving->child);
}

static int answer(struct serving *serving, enum channel_word page, struct error *err)
{
	struct error own = { 0 };
	int fd = texts_get(&serving->texts, page, &own);

	serving->answers++;
	return fd < 0 ? channel_refuse(serving->channel, own.text, err) :
			channel_answer(serving->channel, fd, err);
}

static void note_alive(struct serving *serving)
{
	if (!serving->was_ready)
		notify_ready();
	serving->was_ready = true;
}

/* Returns 1 if there may be more, 0 if not, or a negative errno and sets *err. */
static int take_word(struct serving *serving, struct error *err)
{
	enum channel_word word;
	int ret = channel_read(serving->channel, &word, err);

	if (ret <= 0)
		return ret;
	serving->heard_ms = clock_monotonic_ms();
	if (word == CHANNEL_ALIVE)
		note_alive(serving);
	else
		ret = answer(serving, word, err);
	/* Words that ask for nothing count, too. */
	if (ret >= 0 && ++serving->answers >= SERVING_ANSWERS)
		return 0;
	return ret < 0 ? ret : 1;
}

static void take_words(struct serving *serving)
{
	struct error err = { 0 };
	int ret = 1;

	while (serving->channel >= 0 && serving->answers < SERVING_ANSWERS && ret > 0)
		ret = take_word(serving, &err);
	if (serving->channel < 0)
		return;
	/* It ends: take_end() says how. */
	if (ret == -EPIPE)
		stop_listening(serving);
	else if (ret < 0)
		abandon(serving, err.text);
	else if (serving->answers >= SERVING_ANSWERS && !serving->is_paused) {
		loop_remove(&serving->loop, serving->channel);
		serving->is_paused = true;
	}
}

static int hear(void *context, struct error *err)
{
	(void)err;
	take_words(context);
	return 0;
}

static void complain(struct serving *serving, char *text)
{
	const uint64_t now_ms = clock_monotonic_ms();
	char *line;

	if (now_ms >= serving->complaints_ms) {
		serving->complaints_ms = now_ms + COMPLAINTS_MS;
		serving->complaints = 0;
	}
	while ((line = strsep(&text, "\n"))) {
		if (!*line)
			continue;
		error_set(&serving->said, -EIO, "%s", line);
		if (serving->was_ready && serving->complaints++ < COMPLAINTS)
			log_warning(PROGRAM " says: %s", line);
	}
}

/* Returns whether there may be more. */
static bool read_complaint(struct serving *serving)
{
	char bytes[COMPLAINT_SIZE];
	ssize_t count = read(serving->child.errors, bytes, sizeof(bytes) - 1);

	if (count <= 0)
		return false;
	bytes[count] = '\0';
	complain(serving, bytes);
	return true;
}

/* One that never stops is read no further: soon it says nothing else, either. */
static int hear_complaint(void *context, struct error *err)
{
	struct serving *serving = context;

	(void)err;
	if (!read_complaint(serving) || serving->complaints >= 100 * COMPLAINTS)
		loop_remove(&serving->loop, serving->child.errors);
	return 0;
}

/* -- Begin and end ----------------------------------------------------------------------------- */

static void schedule(struct serving *serving)
{
	uint64_t now_ms = clock_monotonic_ms(), pause_ms;

	if (now_ms - serving->started_ms > GOOD_MS)
		backoff_reset(&serving->backoff);
	pause_ms = backoff_next_ms(&serving->backoff);
	if (pause_ms > LONGEST_PAUSE_MS)
		pause_ms = LONGEST_PAUSE_MS;
	serving->due_ms = now_ms + pause_ms;
}

static void release(struct serving *serving, struct error *err)
{
	stop_listening(serving);
	loop_remove(&serving->loop, serving->child.errors);
	loop_remove(&serving->loop, serving->child.pidfd);
	if (child_reap(&serving->child, PROGRAM, err))
		error_set(err, -EIO, PROGRAM " ended by itself");
}

static int take_end(void *context, struct error *err)
{
	struct serving *serving = context;
	struct error own = { 0 };

	read_complaint(serving);
	release(serving, &own);
	if (!serving->was_ready)
		return error_set(err, -EIO, "%s%s%s", own.text, serving->said.text[0] ? ": " : "",
				 serving->said.text);
	schedule(serving);
	log_warning("%s; another one starts in a while", own.text);
	return 0;
}

static int spawn(struct serving *serving, struct error *err)
{
	char *environment[] = { NULL };
	struct child_plan plan = { .path = serving->path,
				   .environment = environment,
				   .descriptor = serving->listener };
	int ends[2];
	int ret = channel_open(ends, err);

	if (ret)
		return ret;
	plan.input = plan.output = ends[1];
	ret = child_start(&plan, &serving->child, err);
	close(ends[1]);
	if (ret)
		close(ends[0]);
	else
		serving->channel = ends[0];
	return ret;
}

static int listen_to(struct serving *serving, struct error *err)
{
	int ret = loop_add(&serving->loop, serving->channel, hear, serving, err);

	if (!ret)
		ret = loop_add(&serving->loop, serving->child.errors, hear_complaint, serving, err);
	if (!ret)
		ret = loop_add(&serving->loop, serving->child.pidfd, take_end, serving, err);
	return ret;
}

static void end(struct serving *serving)
{
	if (!serving->child.pid)
		return;
	child_kill(&serving->child);
	release(serving, NULL);
}

static int start(struct serving *serving, struct error *err)
{
	int ret = spawn(serving, err);

	serving->started_ms = serving->heard_ms = clock_monotonic_ms();
	error_clear(&serving->said);
	if (!ret)
		ret = listen_to(serving, err);
	if (ret)
		end(serving);
	return ret;
}

/* -- The loop ---------------------------------------------------------------------------------- */

static int resume(struct serving *serving, struct error *err)
{
	if (!serving->is_paused)
		return 0;
	serving->is_paused = false;
	return loop_add(&serving->loop, serving->channel, hear, serving, err);
}

static void start_if_due(struct serving *serving)
{
	struct error err = { 0 };

	if (serving->child.pid || clock_monotonic_ms() < serving->due_ms)
		return;
	if (start(serving, &err)) {
		log_warning("%s", err.text);
		schedule(serving);
	}
}

/* What it said while nobody listened counts. */
static int take_second(void *context, struct error *err)
{
	struct serving *serving = context;
	int ret;

	serving->answers = 0;
	ret = resume(serving, err);
	if (ret)
		return ret;
	take_words(serving);
	if (serving->channel >= 0 && clock_monotonic_ms() - serving->heard_ms > SERVING_SILENCE_MS)
		abandon(serving, "it says nothing");
	/* It had time to end. */
	if (serving->channel < 0)
		child_kill(&serving->child);
	start_if_due(serving);
	return 0;
}

static int take_signal(void *context, struct error *err)
{
	const struct serving *serving = context;

	(void)err;
	return signals_read(serving->signals) ? LAST : 0;
}

static int run(struct serving *serving, const struct serving_pages *pages, struct error *err)
{
	int ret = loop_add(&serving->loop, serving->signals, take_signal, serving, err);

	if (!ret)
		ret = loop_add(&serving->loop, pages->fd, pages->read, pages->context, err);
	if (!ret)
		ret = start(serving, err);
	if (!ret)
		ret = loop_add_timer(&serving->loop, CLOCK_NS_PER_S, take_second, serving, err);
	if (!ret)
		ret = notify_alive_by(&serving->loop, err);
	return ret ? ret : loop_run(&serving->loop, err);
}

int serving_check(struct error *err)
{
	char path[PATH_MAX];
	int ret = extension_find(PROGRAM, path, sizeof(path), err);

	return ret ? error_prefix(err, ret,
				  "--listen needs a program that is built with libmicrohttpd") :
		     0;
}

int serving_run(int listener, const struct serving_pages *pages, struct error *err)
{
	char path[PATH_MAX];
	struct serving serving = {
		.path = path, .listener = listener, .child = CHILD_NONE, .channel = -1
	};
	auto_fd int signals = signals_open(err);
	int ret = signals < 0 ? signals : extension_find(PROGRAM, path, sizeof(path), err);

	if (ret)
		return ret;
	serving.signals = signals;
	texts_init(&serving.texts, pages->write, pages->context);
	ret = run(&serving, pages, err);
	notify_stopping();
	end(&serving);
	texts_done(&serving.texts);
	loop_done(&serving.loop);
	return ret < 0 ? ret : 0;
}
