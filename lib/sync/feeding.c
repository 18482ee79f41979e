// SPDX-License-Identifier: GPL-2.0
/*
 * How is one source read again and again, and what has come of it?
 */
#include <sync/feeding.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <ruleset/tick.h>
#include <source/alive.h>
#include <source/job.h>
#include <source/receiver.h>
#include <sync/answering.h>
#include <sync/copying.h>
#include <sync/file_watch.h>
#include <sync/secrets.h>
#include <sync/worker.h>
#include <util/auto.h>
#include <util/backoff.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>
#include <util/loop.h>
#include <util/number.h>

/* A set with more would need more memory than its host has for it: about 2 GB. */
#define MAX_RULES (UINT32_C(1) << 25)

/* What is read before others get their turn. */
#define READ_SIZE (1 << 16)
#define READS 16
#define ERRORS_SIZE 512
/* A pipe holds no more. Without a limit, one that was left behind and writes on would keep us. */
#define LAST_READS (2 * (1 << 20) / READ_SIZE)

/* A program that reads a polled source may take so long. Its own limits are narrower. */
#define RUN_MS (60 * 60 * 1000)

/* A file that changes all the time is read so often between two ticks. */
#define FILE_STARTS 3

/* So many warnings are said in a minute, and so many changes of state. */
#define SAYINGS 10
#define SAYINGS_MS (60 * 1000)

/* So many events without rules in a second are an attack. Counters, which cost more to read, are
 * answered once. */
#define EVENTS 10000

#define NEVER UINT64_MAX

/* What is said in this minute. */
struct sayings {
	uint64_t end_ms;
	unsigned int count;
};

struct feeding {
	const struct config_source *source;
	const struct feeding_host *host;
	struct following following;
	struct receiver receiver;
	struct file_watch watch; /* of a file */
	/* The program that runs: */
	struct worker worker;
	struct stat file;              /* that it reads */
	uint64_t started_ms, heard_ms; /* heard_ms: it wrote something */
	bool answered, failed, again;  /* it did; it is to start again at once */
	unsigned int starts, events;   /* since the last tick */
	struct answering answering;    /* what it gets */
	/* The next one: */
	uint64_t due_ms;
	struct backoff backoff;
	uint64_t later_ms; /* no sooner: so the server has said, or deserves */
	char *validator;
	/* What is known: */
	struct error trouble;
	enum following_state told;
	int64_t updated_s;
	uint64_t failures;
	bool has_tried;
	struct copying copying;
	struct sayings warnings, changes;
};

struct following *feeding_following(struct feeding *feeding)
{
	return &feeding->following;
}

const struct config_source *feeding_source(const struct feeding *feeding)
{
	return feeding->source;
}

void feeding_set_source(struct feeding *feeding, const struct config_source *source)
{
	feeding->source = source;
	feeding->watch.path = source->location.path;
}

const char *feeding_trouble(const struct feeding *feeding)
{
	return feeding->trouble.text[0] ? feeding->trouble.text : NULL;
}

uint64_t feeding_failures(const struct feeding *feeding)
{
	return feeding->failures;
}

int64_t feeding_updated(const struct feeding *feeding)
{
	return feeding->updated_s;
}

bool feeding_has_tried(const struct feeding *feeding)
{
	return feeding->has_tried || following_knows(&feeding->following);
}

bool feeding_has_ended(const struct feeding *feeding)
{
	return feeding->has_tried && !feeding->worker.child.pid;
}

static bool is_file(const struct feeding *feeding)
{
	return feeding->source->location.kind == LOCATION_FILE;
}

static bool is_polled(const struct feeding *feeding)
{
	return location_is_polled(&feeding->source->location);
}

/* --- What happens to it ----------------------------------------------------------------------- */

/* It cannot be read. What was there stays. */
static void fail(struct feeding *feeding, const char *text)
{
	const struct following_time time = following_now();

	feeding->failed = true;
	feeding->failures++;
	feeding->has_tried = true;
	error_set(&feeding->trouble, -EIO, "%s", text);
	following_take_trouble(&feeding->following, &time);
	feeding->host->changed(feeding->host->context);
}

static void succeed(struct feeding *feeding)
{
	feeding->answered = true;
	feeding->failed = false;
	feeding->has_tried = true;
	feeding->updated_s = (int64_t)time(NULL);
	error_clear(&feeding->trouble);
	backoff_reset(&feeding->backoff);
	feeding->host->changed(feeding->host->context);
}

static int keep_validator(struct feeding *feeding, const char *text, struct error *err)
{
	char *validator = strdup(text);

	if (!validator)
		return error_no_memory(err);
	free(feeding->validator);
	feeding->validator = validator;
	return 0;
}

static int take_rules(struct feeding *feeding, struct receiver_event *event, struct error *err)
{
	struct following *following = &feeding->following;
	int ret = event->kind == RECEIVER_LIST ?
			  following_take_list(following, event->rules, event->count, err) :
			  following_take_change(following, event->rules, event->count, err);

	if (!ret)
		ret = keep_validator(feeding, event->text, err);
	if (ret)
		return ret;
	feeding->copying.differs = true;
	succeed(feeding);
	return 0;
}

/* May one more be said? *left_out: how many were not, in the minute that has just ended. */
static bool may_say(struct sayings *sayings, unsigned int *left_out)
{
	const uint64_t now_ms = clock_monotonic_ms();

	*left_out = 0;
	if (now_ms >= sayings->end_ms) {
		if (sayings->count > SAYINGS)
			*left_out = sayings->count - SAYINGS;
		*sayings = (struct sayings){ .end_ms = now_ms + SAYINGS_MS };
	}
	return sayings->count++ < SAYINGS;
}

static void warn(struct feeding *feeding, const char *text)
{
	unsigned int left_out;
	bool may = may_say(&feeding->warnings, &left_out);

	if (left_out)
		log_warning("set %s: %u more warnings", feeding->source->set, left_out);
	if (may)
		log_warning("set %s: %s", feeding->source->set, text);
}

static int take_question(struct feeding *feeding, struct error *err)
{
	int ret = answering_take_question(&feeding->answering, feeding->source->set,
					  feeding->host->loop, feeding->worker.input, err);

	if (ret != -EAGAIN)
		return ret;
	warn(feeding, err->text);
	error_clear(err);
	return 0;
}

static int take_event(void *context, struct receiver_event *event, struct error *err)
{
	struct feeding *feeding = context;

	if (event->kind != RECEIVER_LIST && event->kind != RECEIVER_CHANGE &&
	    ++feeding->events > EVENTS)
		return error_set(err, -EPROTO, "its program says too much that is no rule");
	switch (event->kind) {
	case RECEIVER_LIST:
	case RECEIVER_CHANGE:
		return take_rules(feeding, event, err);
	case RECEIVER_SAME:
		following_take_same(&feeding->following);
		succeed(feeding);
		return 0;
	case RECEIVER_TROUBLE:
		fail(feeding, event->text);
		return 0;
	case RECEIVER_LATER:
		feeding->later_ms = event->later_s * 1000;
		return 0;
	case RECEIVER_WARNING:
		warn(feeding, event->text);
		return 0;
	case RECEIVER_COUNTERS:
		return take_question(feeding, err);
	case RECEIVER_ALIVE:
		return 0;
	}
	return 0;
}

/* --- Its program ------------------------------------------------------------------------------ */

static int open_socket(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
	strcpy(address.sun_path, path);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return auto_take_fd(&fd);
	ret = -errno;
	return error_set(err, ret, "%s: cannot connect to it: %s", path, strerror(-ret));
}

/* What the program may not open itself: *out is a descriptor, or -1 if there is nothing. *changed:
 * it has to be read. Returns 0, or a negative errno and sets *err. */
static int open_descriptor(struct feeding *feeding, int *out, bool *changed, struct error *err)
{
	const struct location *location = &feeding->source->location;
	int fd;

	*out = -1;
	*changed = true;
	if (location->kind == LOCATION_CROWDSEC && location->path)
		fd = open_socket(location->path, err);
	else if (location->kind == LOCATION_FILE)
		fd = file_watch_open_file(&feeding->watch, changed, err);
	else
		return 0;
	if (fd < 0)
		return fd;
	if (location->kind == LOCATION_FILE && fstat(fd, &feeding->file))
		*changed = true;
	*out = fd;
	return 0;
}

static int fill_job(const struct feeding *feeding, struct job *job, struct error *err)
{
	const struct config_source *source = feeding->source;

	job->max_bytes = source->max_bytes;
	job->poll_s = source->every_s;
	job->once = feeding->host->once;
	job->version = strdup(XDP_IPFILTER_VERSION);
	job->set = strdup(source->set);
	job->format = source->format ? strdup(source->format) : NULL;
	job->where = source->where ? strdup(source->where) : NULL;
	job->validator = feeding->validator ? strdup(feeding->validator) : NULL;
	if (!job->version || !job->set || (source->format && !job->format) ||
	    (source->where && !job->where) || (feeding->validator && !job->validator))
		return error_no_memory(err);
	return secrets_read(source, job, err);
}

static int run(struct feeding *feeding, int descriptor, struct error *err)
{
	struct job job = { 0 };
	int ret = fill_job(feeding, &job, err);

	job.location = feeding->source->location;
	if (!ret)
		ret = worker_start(feeding->source->set, &job, descriptor, &feeding->worker, err);
	job.location = (struct location){ 0 };
	job_done(&job);
	return ret;
}

static int read_some(struct feeding *feeding, bool *ended, struct error *err)
{
	char bytes[READ_SIZE];
	ssize_t count = read(feeding->worker.output, bytes, sizeof(bytes));

	*ended = count == 0 || (count < 0 && errno == EAGAIN);
	if (count <= 0)
		return 0;
	feeding->heard_ms = clock_monotonic_ms();
	return receiver_take(&feeding->receiver, bytes, (size_t)count, tick_now(), err);
}

/* What it says from now on does not count. */
static void abandon(struct feeding *feeding, const char *text)
{
	loop_remove(feeding->host->loop, feeding->worker.output);
	close(feeding->worker.output);
	feeding->worker.output = -1;
	worker_kill(&feeding->worker);
	fail(feeding, text);
}

static void read_output(struct feeding *feeding, unsigned int reads)
{
	struct error err = { 0 };
	bool ended = false;

	while (reads-- && !ended && feeding->worker.output >= 0)
		if (read_some(feeding, &ended, &err))
			abandon(feeding, err.text);
}

static int take_output(void *context, struct error *err)
{
	struct feeding *feeding = context;
	struct error own = { 0 };
	bool ended = false;

	(void)err;
	for (int i = 0; i < READS && !ended; i++) {
		if (read_some(feeding, &ended, &own)) {
			abandon(feeding, own.text);
			return 0;
		}
	}
	return 0;
}

/* What it complains of, in whole lines. Returns whether there may be more. */
static bool read_errors(struct feeding *feeding)
{
	char bytes[ERRORS_SIZE], *rest = bytes, *line;
	ssize_t count = read(feeding->worker.child.errors, bytes, sizeof(bytes) - 1);

	if (count <= 0)
		return false;
	bytes[count] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		struct error said = { 0 };

		if (*line)
			error_set(&said, -EIO, "its program says: %s", line);
		if (*line)
			warn(feeding, said.text);
	}
	return true;
}

static int take_errors(void *context, struct error *err)
{
	struct feeding *feeding = context;

	(void)err;
	if (!read_errors(feeding))
		loop_remove(feeding->host->loop, feeding->worker.child.errors);
	else if (++feeding->events > EVENTS && feeding->worker.output >= 0)
		abandon(feeding, "it talks without saying anything");
	return 0;
}

/* When to read it next. */
static void schedule(struct feeding *feeding)
{
	const uint64_t every_ms = feeding->source->every_s * 1000;
	uint64_t pause_ms = 0;

	/* What has changed since it was read may be good now. */
	if (feeding->again)
		pause_ms = 0;
	else if (feeding->failed)
		pause_ms = clock_later(backoff_next_ms(&feeding->backoff), feeding->later_ms);
	else if (is_polled(feeding))
		pause_ms = is_file(feeding) ? every_ms : backoff_jitter_ms(every_ms);
	feeding->due_ms = feeding->host->once ? NEVER : clock_monotonic_ms() + pause_ms;
	feeding->again = false;
}

static void release(struct feeding *feeding)
{
	answering_stop(&feeding->answering);
	loop_remove(feeding->host->loop, feeding->worker.child.pidfd);
	loop_remove(feeding->host->loop, feeding->worker.child.errors);
	if (feeding->worker.output >= 0)
		loop_remove(feeding->host->loop, feeding->worker.output);
}

/* Has it done what it should? */
static void judge_end(struct feeding *feeding, bool success, const struct error *err)
{
	if (feeding->failed)
		return;
	if (!success)
		fail(feeding, err->text);
	else if (!is_polled(feeding) && !feeding->host->once)
		fail(feeding, "its program has ended");
	else if (!feeding->answered)
		fail(feeding, "its program ended without an answer");
}

static void start_if_due(struct feeding *feeding);

static int take_end(void *context, struct error *err)
{
	struct feeding *feeding = context;
	struct error own = { 0 };
	bool success;

	(void)err;
	/* Whatever it said before it ended is in the pipe. */
	read_output(feeding, LAST_READS);
	read_errors(feeding);
	release(feeding);
	success = worker_reap(&feeding->worker, &own);
	judge_end(feeding, success, &own);
	if (is_file(feeding)) {
		if (!feeding->failed)
			file_watch_was_read(&feeding->watch, &feeding->file);
		feeding->again |= file_watch_is_other(&feeding->watch, &feeding->file);
	}
	schedule(feeding);
	feeding->host->changed(feeding->host->context);
	start_if_due(feeding);
	return 0;
}

static int listen_to(struct feeding *feeding, struct error *err)
{
	int ret = loop_add(feeding->host->loop, feeding->worker.output, take_output, feeding, err);

	if (!ret)
		ret = loop_add(feeding->host->loop, feeding->worker.child.errors, take_errors,
			       feeding, err);
	if (!ret)
		ret = loop_add(feeding->host->loop, feeding->worker.child.pidfd, take_end, feeding,
			       err);
	return ret;
}

static int start(struct feeding *feeding, struct error *err)
{
	bool changed;
	auto_fd int descriptor = -1;
	int ret = open_descriptor(feeding, &descriptor, &changed, err);

	if (ret)
		return ret;
	if (!changed) {
		following_take_same(&feeding->following);
		succeed(feeding);
		schedule(feeding);
		return 0;
	}
	receiver_restart(&feeding->receiver);
	feeding->answered = feeding->failed = feeding->again = false;
	feeding->started_ms = feeding->heard_ms = clock_monotonic_ms();
	feeding->later_ms = 0;
	feeding->due_ms = NEVER;
	feeding->starts++;
	ret = run(feeding, descriptor, err);
	if (!ret)
		ret = listen_to(feeding, err);
	if (ret && feeding->worker.child.pid) {
		worker_kill(&feeding->worker);
		release(feeding);
		worker_reap(&feeding->worker, NULL);
	}
	return ret;
}

static void start_if_due(struct feeding *feeding)
{
	struct error err = { 0 };

	if (feeding->worker.child.pid || feeding->starts >= FILE_STARTS ||
	    clock_monotonic_ms() < feeding->due_ms)
		return;
	if (start(feeding, &err)) {
		fail(feeding, err.text);
		schedule(feeding);
	}
}

/* Does it run, and does what it says count? */
static bool is_listened_to(const struct feeding *feeding)
{
	return feeding->worker.child.pid && feeding->worker.output >= 0;
}

static bool is_silent(const struct feeding *feeding)
{
	return clock_monotonic_ms() - feeding->heard_ms > ALIVE_SILENCE_MS;
}

/* A program that runs on says that it is alive. If nobody listened, as while this program was
 * stopped, that is in the pipe. */
static void end_if_hung(struct feeding *feeding)
{
	if (is_polled(feeding) || !is_listened_to(feeding) || !is_silent(feeding))
		return;
	read_output(feeding, 1);
	if (is_listened_to(feeding) && is_silent(feeding))
		abandon(feeding, "its program hangs: it has said nothing for half a minute");
}

void feeding_tick(struct feeding *feeding)
{
	struct error err = { 0 };

	feeding->starts = feeding->events = 0;
	if (answering_tick(&feeding->answering) && is_listened_to(feeding) &&
	    take_question(feeding, &err))
		abandon(feeding, err.text);
	if (is_polled(feeding) && is_listened_to(feeding) &&
	    clock_monotonic_ms() - feeding->started_ms > RUN_MS)
		abandon(feeding, "reading it takes more than an hour");
	end_if_hung(feeding);
	start_if_due(feeding);
}

/* --- Its file --------------------------------------------------------------------------------- */

static int take_file_event(void *context, struct error *err)
{
	struct feeding *feeding = context;

	(void)err;
	if (!file_watch_drain(&feeding->watch))
		return 0;
	if (feeding->worker.child.pid)
		feeding->again = true;
	else
		feeding->due_ms = 0;
	start_if_due(feeding);
	return 0;
}

static int watch_file(struct feeding *feeding, struct error *err)
{
	file_watch_init(&feeding->watch, feeding->source->location.path);
	if (feeding->watch.inotify < 0)
		return 0;
	return loop_add(feeding->host->loop, feeding->watch.inotify, take_file_event, feeding, err);
}

/* --- What is told ----------------------------------------------------------------------------- */

static void describe_too_wide(struct feeding *feeding)
{
	char prefix[PREFIX_TEXT_SIZE], text[NUMBER_COUNT_SIZE];

	prefix_format(&feeding->following.breadth.widest, prefix);
	number_count(feeding->following.accepted, "rule", text);
	error_set(&feeding->trouble, -EAGAIN,
		  "it would drop nearly all addresses in use, most of them by %s; until that "
		  "goes, what the source says is not used, and the set keeps %s",
		  prefix, text);
}

static void describe_held(struct feeding *feeding)
{
	const struct following *following = &feeding->following;

	if (following->breadth.is_too_wide) {
		describe_too_wide(feeding);
		return;
	}
	error_set(&feeding->trouble, -EAGAIN,
		  "the source has only %zu of %zu rules now; the others stay%s", following->said,
		  following->accepted,
		  following->hold_ms ? " until its hold time is over" :
				       " until it has them again (shrink = yes lets them go)");
}

/* Who reads sources once wants to know of trouble only. */
static void tell_good(const struct feeding *feeding, const char *rules)
{
	void (*say)(const char *format, ...) = feeding->host->once ? log_verbose : log_notice;

	say("set %s: %s, %s from %s", feeding->source->set,
	    following_state_name(following_state(&feeding->following)), rules,
	    feeding->source->location.text);
}

static void say_state(struct feeding *feeding, enum following_state state)
{
	const char *set = feeding->source->set;
	char text[NUMBER_COUNT_SIZE];

	number_count(feeding->following.accepted, "rule", text);
	if (state == FOLLOWING_FAILING)
		log_warning("set %s: failing: %s; it keeps %s", set, feeding->trouble.text, text);
	else if (state == FOLLOWING_HELD)
		log_warning("set %s: held: %s", set, feeding->trouble.text);
	else
		tell_good(feeding, text);
	feeding->told = state;
}

/* Of a source that fails and answers in turn, what it is then is told when the minute is over. */
static void tell(struct feeding *feeding)
{
	const enum following_state state = following_state(&feeding->following);
	unsigned int left_out;

	if (state == FOLLOWING_HELD)
		describe_held(feeding);
	if (state == FOLLOWING_FRESH)
		error_clear(&feeding->trouble);
	if (state != feeding->told && may_say(&feeding->changes, &left_out))
		say_state(feeding, state);
}

void feeding_settle(struct feeding *feeding, bool at_once)
{
	tell(feeding);
	copying_settle(&feeding->copying, feeding->source, &feeding->following, feeding->validator,
		       at_once);
}

/* --- Begin and end ---------------------------------------------------------------------------- */

/* Does a change that withdraws a rule mean that somebody deleted it? Routes also go where a session
 * was lost; a list does not say why. */
static bool says_each(enum location_kind kind)
{
	return kind == LOCATION_ETCD || kind == LOCATION_CROWDSEC;
}

static int prepare(struct feeding *feeding, struct error *err)
{
	const struct config_source *source = feeding->source;
	int ret;

	feeding->following.hold_ms = source->hold_s * 1000;
	feeding->following.shrink = source->shrink;
	feeding->following.withdraws_each = says_each(source->location.kind);
	feeding->following.max_rules = MAX_RULES;
	feeding->receiver.verdict = source->verdict;
	feeding->receiver.max_rules = MAX_RULES;
	feeding->receiver.call = take_event;
	feeding->receiver.context = feeding;
	ret = receiver_init(&feeding->receiver, err);
	if (!ret && is_file(feeding))
		ret = watch_file(feeding, err);
	if (!ret)
		copying_begin(&feeding->copying, source, &feeding->following, &feeding->validator);
	return ret;
}

int feeding_begin(const struct config_source *source, const struct feeding_host *host,
		  struct feeding **out, struct error *err)
{
	struct feeding *feeding = calloc(1, sizeof(*feeding));
	int ret;

	if (!feeding)
		return error_no_memory(err);
	feeding->source = source;
	feeding->host = host;
	feeding->worker = (struct worker)WORKER_NONE;
	feeding->watch.inotify = -1;
	feeding->copying = *host->copying;
	ret = prepare(feeding, err);
	if (ret)
		feeding_end(feeding);
	else
		*out = feeding;
	return ret;
}

void feeding_end(struct feeding *feeding)
{
	if (!feeding)
		return;
	if (feeding->worker.child.pid) {
		worker_kill(&feeding->worker);
		release(feeding);
		worker_reap(&feeding->worker, NULL);
	}
	if (feeding->watch.inotify >= 0)
		loop_remove(feeding->host->loop, feeding->watch.inotify);
	file_watch_done(&feeding->watch);
	following_done(&feeding->following);
	receiver_done(&feeding->receiver);
	free(feeding->validator);
	free(feeding);
}
