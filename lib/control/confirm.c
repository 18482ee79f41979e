// SPDX-License-Identifier: GPL-2.0
/*
 * How is a change undone unless it is confirmed?
 *
 *     command                        keeper (a fork of it)
 *       fork ----------------------> notes the state before the change
 *       waits  <--------- READY
 *       commits
 *       COMMITTED ---------------->  notes the state after it, under the command's lock
 *       waits  <--------- ARMED      waits for its time, a signal or a client
 *       ends
 *
 * If the command is killed in between, the keeper takes the lock and looks whether there is
 * anything to undo.
 */
#include <control/confirm.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cli/report.h>
#include <control/pending.h>
#include <control/undo.h>
#include <dataplane/lock.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/log.h>
#include <util/oom.h>
#include <util/program.h>

/* What the two say to each other: one message each, perhaps with a text. */
enum word {
	WORD_READY = 'r',
	WORD_COMMITTED = 'c',
	WORD_FAILED = 'f', /* of either; the keeper's has a text */
	WORD_ARMED = 'a',
	WORD_NOTHING = 'n', /* nothing is different, so nothing waits */
};

/* How long the keeper waits for other commands: when its time is over, as long as it takes. */
#define LOCK_PATIENT_S 86400
#define LOCK_ANSWER_S 60

/* How often it tries to undo a change, a second apart. */
#define TRIES 60

struct keeper {
	struct undo *undo;
	struct pending pending; /* what it tells about itself */
	uint64_t seconds, end_ns;
	int listener, command; /* descriptors */
};

/* --- The keeper's work ------------------------------------------------------------------------ */

static void say(int fd, enum word word, const char *text)
{
	char message[1100];
	int length = snprintf(message, sizeof(message), "%c%s", (char)word, text);

	send(fd, message, (size_t)length, MSG_NOSIGNAL);
}

/* Returns the word, with its text; 0 if the other one has died. */
static int hear(int fd, char *text, size_t size)
{
	char message[1100];
	ssize_t length;

	do
		length = recv(fd, message, sizeof(message) - 1, 0);
	while (length < 0 && errno == EINTR);
	if (length <= 0)
		return 0;
	message[length] = '\0';
	snprintf(text, size, "%s", message + 1);
	return message[0];
}

/* Answers while the keeper undoes the change, which may have to wait for other commands. Ends when
 * the keeper closes its end of `stop`, or dies. */
static void answer_meanwhile(struct keeper *keeper, int stop)
{
	struct pollfd fds[] = {
		{ .fd = stop, .events = POLLIN },
		{ .fd = keeper->listener, .events = POLLIN },
	};

	keeper->pending.left_s = 0;
	while (poll(fds, 2, -1) > 0 && !fds[0].revents) {
		enum pending_verb verb;
		auto_fd int client = pending_accept(keeper->listener, &verb);

		if (client >= 0 && verb == PENDING_ASK)
			pending_tell(client, &keeper->pending);
		else if (client >= 0)
			pending_finish(client, "it is being undone already", "");
	}
}

/* Starts a process for that, in *pid. Returns what ends it, -1 if there is none. */
static int start_answering(struct keeper *keeper, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	*pid = fork();
	if (!*pid) {
		close(ends[1]);
		answer_meanwhile(keeper, ends[0]);
		_exit(0);
	}
	close(ends[0]);
	if (*pid > 0)
		return ends[1];
	close(ends[1]);
	return -1;
}

static void end_answering(int stop, pid_t pid)
{
	if (stop < 0)
		return;
	close(stop);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Undoes the change under the lock. *remarks is a text that the caller frees, also on failure. */
static int revert(struct keeper *keeper, unsigned int patience_s, char **remarks, struct error *err)
{
	size_t size;
	FILE *out = open_memstream(remarks, &size);
	auto_fd int lock = -1;
	pid_t pid = -1;
	int stop, ret;

	if (!out)
		return error_no_memory(err);
	stop = start_answering(keeper, &pid);
	lock_set_timeout(patience_s);
	lock = lock_take(err);
	ret = lock < 0 ? lock : undo_revert(keeper->undo, out, err);
	end_answering(stop, pid);
	fclose(out);
	return ret;
}

/* Each line of the text is a line of the log. */
static void log_remarks(char *text)
{
	char *line;

	while (text && (line = strsep(&text, "\n")))
		if (*line)
			syslog(LOG_WARNING, "%s", line);
}

static void revert_at_last(struct keeper *keeper, const char *why)
{
	const struct pending *pending = &keeper->pending;
	struct error err = { .text = "" };

	for (int i = 0; i < TRIES; i++) {
		auto_free char *remarks = NULL;
		int ret;

		error_clear(&err);
		ret = revert(keeper, LOCK_PATIENT_S, &remarks, &err);
		if (ret)
			syslog(LOG_ERR, "%s of %s cannot be undone: %s", pending->command,
			       pending->interfaces, err.text);
		else
			syslog(LOG_WARNING, "%s of %s was undone: %s", pending->command,
			       pending->interfaces, why);
		log_remarks(remarks);
		if (!ret)
			return;
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	}
}

static uint64_t left_s(const struct keeper *keeper)
{
	uint64_t now = clock_boot_ns();

	if (now >= keeper->end_ns)
		return 0;
	return (keeper->end_ns - now + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S;
}

/* Returns whether it has nothing left to do. */
static bool revert_for(struct keeper *keeper, int client)
{
	struct error err = { .text = "" };
	auto_free char *remarks = NULL;
	int ret = revert(keeper, LOCK_ANSWER_S, &remarks, &err);

	/* The name of the socket is free before the client ends. */
	if (!ret)
		close(keeper->listener);
	pending_finish(client, ret ? err.text : NULL, remarks ? remarks : "");
	return !ret;
}

static bool confirm_for(const struct keeper *keeper, int client)
{
	close(keeper->listener);
	syslog(LOG_INFO, "%s of %s was confirmed", keeper->pending.command,
	       keeper->pending.interfaces);
	pending_finish(client, NULL, "");
	return true;
}

static bool serve(struct keeper *keeper)
{
	enum pending_verb verb;
	auto_fd int client = pending_accept(keeper->listener, &verb);

	if (client < 0)
		return false;
	switch (verb) {
	case PENDING_ASK:
		keeper->pending.left_s = left_s(keeper);
		pending_tell(client, &keeper->pending);
		return false;
	case PENDING_CONFIRM:
		return confirm_for(keeper, client);
	case PENDING_REVERT:
		return revert_for(keeper, client);
	}
	return false;
}

/* SIGTERM, as at a shutdown or the end of a session whose processes are killed. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Absolute, so that nothing that comes before it makes it later than `status` says. */
static int open_timer(const struct keeper *keeper)
{
	const struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(keeper->end_ns / CLOCK_NS_PER_S),
			      .tv_nsec = (long)(keeper->end_ns % CLOCK_NS_PER_S) },
	};
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);

	if (fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void wait_and_serve(struct keeper *keeper)
{
	struct pollfd fds[] = {
		{ .fd = open_timer(keeper), .events = POLLIN },
		{ .fd = open_signals(), .events = POLLIN },
		{ .fd = keeper->listener, .events = POLLIN },
	};

	/* Without a timer or a way to hear signals: not later than now. */
	while (fds[0].fd >= 0 && fds[1].fd >= 0) {
		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents || fds[1].revents)
			break;
		if (fds[2].revents && serve(keeper))
			return;
		for (size_t i = 0; i < 3; i++)
			fds[i].revents = 0;
	}
	revert_at_last(keeper, fds[1].revents ? "SIGTERM came" : "nobody confirmed it");
}

/* --- The keeper's start ----------------------------------------------------------------------- */

/* Keeps only these two, as 3 and 4: no pipe of the command stays open, and not its lock. */
static int close_others(struct keeper *keeper)
{
	int null = open("/dev/null", O_RDWR);
	int listener = fcntl(keeper->listener, F_DUPFD, 16);
	int command = fcntl(keeper->command, F_DUPFD, 16);

	if (null < 0 || listener < 0 || command < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	keeper->listener = dup2(listener, 3);
	keeper->command = dup2(command, 4);
	if (syscall(SYS_close_range, 5, ~0U, 0))
		for (int fd = 5; fd < 65536; fd++)
			close(fd);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	fcntl(4, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void detach(void)
{
	struct oom_score score;

	/* Only this process knows the way back. */
	oom_be_last(&score);
	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	prctl(PR_SET_NAME, "ipf-confirm");
	openlog(PROGRAM_NAME, LOG_PID, LOG_DAEMON);
}

/* Notes the state after the change. Returns whether there is anything to undo. */
static bool note(struct keeper *keeper, struct error *err)
{
	bool changed;
	int ret = undo_note(keeper->undo, &changed, err);

	return ret ? false : changed;
}

/* The command has died, perhaps in the middle. */
static bool note_alone(struct keeper *keeper, struct error *err)
{
	auto_fd int lock = -1;

	lock_set_timeout(LOCK_PATIENT_S);
	lock = lock_take(err);
	return lock >= 0 && note(keeper, err);
}

/* Waits for the change. Returns whether there is anything to undo. */
static bool follow(struct keeper *keeper)
{
	struct error err = { .text = "" };
	char text[8];
	int word = hear(keeper->command, text, sizeof(text));
	bool changed = false;

	if (word == WORD_COMMITTED)
		changed = note(keeper, &err);
	else if (!word)
		changed = note_alone(keeper, &err);
	keeper->end_ns = clock_boot_ns() + keeper->seconds * CLOCK_NS_PER_S;
	if (err.text[0])
		say(keeper->command, WORD_FAILED, err.text);
	else
		say(keeper->command, changed ? WORD_ARMED : WORD_NOTHING, "");
	return changed;
}

static void keep(struct keeper *keeper, const struct ifaces *ifaces)
{
	struct error err = { .text = "" };

	detach();
	if (close_others(keeper) || listen(keeper->listener, 16)) {
		say(keeper->command, WORD_FAILED, "cannot open what it needs");
		return;
	}
	keeper->pending.pid = getpid();
	keeper->undo = undo_begin(ifaces, &err);
	if (!keeper->undo) {
		say(keeper->command, WORD_FAILED, err.text);
		return;
	}
	say(keeper->command, WORD_READY, "");
	if (follow(keeper)) {
		close(keeper->command);
		wait_and_serve(keeper);
	}
}

/* --- The command ------------------------------------------------------------------------------ */

static void describe(struct pending *pending, const char *command, const struct ifaces *ifaces)
{
	size_t used = 0, size = sizeof(pending->interfaces);

	snprintf(pending->command, sizeof(pending->command), "%s", command);
	for (size_t i = 0; i < ifaces->count && used < size; i++)
		used += (size_t)snprintf(pending->interfaces + used, size - used, "%s%s",
					 i ? " " : "", ifaces->items[i].dev.name);
}

/* Starts the keeper. Returns a descriptor to talk to it. */
static int start(uint64_t seconds, const char *command, const struct ifaces *ifaces,
		 struct error *err)
{
	struct keeper keeper = { .seconds = seconds };
	int ends[2];
	auto_fd int listener = pending_take(err);
	auto_fd int ours = -1, theirs = -1;
	pid_t pid;

	if (listener < 0)
		return listener;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
	ours = ends[0];
	theirs = ends[1];
	describe(&keeper.pending, command, ifaces);
	keeper.listener = listener;
	keeper.command = theirs;
	pid = fork();
	if (pid < 0)
		return error_set(err, -errno, "cannot start a process: %s", strerror(errno));
	if (!pid) {
		keep(&keeper, ifaces);
		_exit(0);
	}
	return auto_take_fd(&ours);
}

static int await_ready(int keeper, struct error *err)
{
	char text[1100];
	int word = hear(keeper, text, sizeof(text));

	if (word == WORD_READY)
		return 0;
	return error_set(err, -EIO, "cannot note what would undo the change, so it is not made; %s",
			 word ? text : "the process for that has died");
}

/* "not confirmed yet: 'xdp-ipfilter confirm' within 1m keeps this change" */
static int print_armed(uint64_t seconds, struct error *err)
{
	char duration[DURATION_TEXT_SIZE];
	struct report report;
	int ret;

	duration_format(seconds, duration);
	report_init(&report, REPORT_TEXT, stdout);
	report_line(&report,
		    "not confirmed yet: without '" PROGRAM_NAME
		    " confirm' within %s, this change is undone",
		    duration);
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

static int await_armed(int keeper, uint64_t seconds, struct error *err)
{
	char text[1100];
	int word = hear(keeper, text, sizeof(text));

	if (word == WORD_ARMED)
		return print_armed(seconds, err);
	if (word == WORD_NOTHING) {
		log_warning("nothing has changed, so there is nothing to confirm");
		return 0;
	}
	return error_set(err, -EIO, "the change is live, and will NOT be undone; %s",
			 word ? text : "the process for that has died");
}

int confirm_commit(uint64_t seconds, const char *command, const struct ifaces *ifaces,
		   int (*commit)(void *request, struct error *err), void *request,
		   struct error *err)
{
	auto_fd int keeper = -1;
	int ret;

	if (!seconds)
		return commit(request, err);
	keeper = start(seconds, command, ifaces, err);
	if (keeper < 0)
		return keeper;
	ret = await_ready(keeper, err);
	if (!ret)
		ret = commit(request, err);
	if (ret) {
		say(keeper, WORD_FAILED, "");
		return ret;
	}
	say(keeper, WORD_COMMITTED, "");
	return await_armed(keeper, seconds, err);
}
