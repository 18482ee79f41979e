// SPDX-License-Identifier: GPL-2.0
/*
 * Which change waits to be confirmed, and how is it answered?
 *
 * A client sends one byte. The answer is text until the end of the stream: to PENDING_ASK a line
 * "LEFT COMMAND IFNAME...", to the others a line "done" or "failed: WHY", then lines of remarks.
 */
#include <control/pending.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>

#define SOCKET_NAME "xdp-ipfilter/confirm"

/* How long one waits for the other. Undoing waits for other commands. */
#define ASK_TIMEOUT_S 5
#define ANSWER_TIMEOUT_S 120

/* Until a client that could not be let in is tried again. */
#define ACCEPT_PAUSE_MS 100

/* The name begins with a NUL. */
static socklen_t make_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path + 1, SOCKET_NAME, strlen(SOCKET_NAME));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(SOCKET_NAME));
}

static void set_timeout(int fd, time_t seconds)
{
	const struct timeval limit = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* The process at the other end, if it is of this user. Anybody can take the name of a socket. */
static int find_peer(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	*pid = peer.pid;
	return peer.uid == geteuid() ? 0 : -EPERM;
}

/* --- Clients ---------------------------------------------------------------------------------- */

/* Returns a descriptor, or a negative errno and sets *err. */
static int open_socket(struct error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? error_set(err, -errno, "cannot make a socket: %s", strerror(errno)) : fd;
}

/* Returns a descriptor with *pid, -ENOENT without a message where nobody listens, or another
 * negative errno and sets *err. */
static int connect_to(pid_t *pid, time_t timeout_s, struct error *err)
{
	auto_fd int fd = open_socket(err);
	struct sockaddr_un address;
	socklen_t size = make_address(&address);
	int ret;

	if (fd < 0)
		return fd;
	set_timeout(fd, timeout_s);
	if (connect(fd, (const struct sockaddr *)&address, size)) {
		ret = -errno;
		return ret == -ECONNREFUSED ? -ENOENT :
					      error_set(err, ret,
							"cannot ask for a change that waits to be "
							"confirmed: %s",
							strerror(-ret));
	}
	ret = find_peer(fd, pid);
	if (ret == -EPERM)
		return error_set(err, ret,
				 "the change that waits to be confirmed is one of another user "
				 "(process %d)",
				 *pid);
	return ret ? error_set(err, ret, "cannot learn who has a socket") : auto_take_fd(&fd);
}

/* After a failed read: did the process end before it took the question? */
static bool has_ended(FILE *stream)
{
	return ferror(stream) && errno == ECONNRESET;
}

/* Sends the verb. Returns the answer as a stream; NULL with *err. */
static FILE *ask(enum pending_verb verb, pid_t *pid, time_t timeout_s, int *ret, struct error *err)
{
	const char byte = (char)verb;
	int fd = connect_to(pid, timeout_s, err);
	FILE *stream;

	*ret = fd < 0 ? fd : 0;
	if (fd < 0)
		return NULL;
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) {
		*ret = -ENOENT; /* it has just ended */
		close(fd);
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (stream)
		return stream;
	close(fd);
	*ret = error_no_memory(err);
	return NULL;
}

/* "LEFT COMMAND IFNAME..." */
static int parse(char *line, struct pending *out)
{
	char *next = line, *left, *command;
	uint64_t seconds;

	line[strcspn(line, "\n")] = '\0';
	left = strsep(&next, " ");
	command = strsep(&next, " ");
	if (!command || !next || number_parse(left, 0, UINT64_MAX, &seconds))
		return -EPROTO;
	out->left_s = seconds;
	snprintf(out->command, sizeof(out->command), "%s", command);
	snprintf(out->interfaces, sizeof(out->interfaces), "%s", next);
	return 0;
}

int pending_read(struct pending *out, struct error *err)
{
	auto_file FILE *stream = NULL;
	char line[640];
	pid_t pid;
	int ret;

	*out = (struct pending){ .pid = 0 };
	stream = ask(PENDING_ASK, &pid, ASK_TIMEOUT_S, &ret, err);
	if (!stream)
		return ret == -ENOENT ? 0 : ret;
	if (!fgets(line, sizeof(line), stream))
		return ferror(stream) && !has_ended(stream) ?
			       error_set(err, -ETIMEDOUT,
					 "process %d keeps a change that waits to be "
					 "confirmed, and does not answer",
					 pid) :
			       0;
	if (parse(line, out))
		return error_set(err, -EPROTO, "process %d answers nonsense", pid);
	out->pid = pid;
	return 0;
}

/* Returns -ENOENT without a message if it has just ended. */
static int read_answer(FILE *stream, pid_t pid, struct error *err)
{
	char line[1200];
	int ret = 0;

	if (!fgets(line, sizeof(line), stream))
		return has_ended(stream) ? -ENOENT :
					   error_set(err, -EIO, "process %d has not answered", pid);
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "done") != 0)
		ret = error_set(err, -EIO, "%s", line);
	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = '\0';
		log_warning("%s", line);
	}
	return ret;
}

int pending_answer(enum pending_verb verb, struct pending *out, struct error *err)
{
	auto_file FILE *stream = NULL;
	pid_t pid;
	int ret = pending_read(out, err);

	if (!ret && out->pid && !out->left_s)
		return error_set(err, -EBUSY, "%s of %s is being undone already", out->command,
				 out->interfaces);
	if (!ret && out->pid)
		stream = ask(verb, &pid, ANSWER_TIMEOUT_S, &ret, err);
	if (stream)
		ret = read_answer(stream, pid, err);
	if (ret != -ENOENT && (ret || stream))
		return ret;
	return error_set_absent(err, -ENOENT, "no change waits to be confirmed");
}

/* --- The process ------------------------------------------------------------------------------ */

static int refuse_second(struct error *err)
{
	char left[DURATION_TEXT_SIZE];
	struct pending other;
	int ret = pending_read(&other, err);

	if (ret)
		return ret;
	if (!other.pid)
		return error_set(err, -EADDRINUSE, "another change waits to be confirmed");
	if (!other.left_s)
		return error_set(err, -EADDRINUSE,
				 "another change is being undone: %s of %s; try again after that",
				 other.command, other.interfaces);
	duration_format(other.left_s, left);
	return error_set(err, -EADDRINUSE,
			 "another change waits to be confirmed: %s of %s, for %s more; 'confirm' or "
			 "'confirm --revert' first",
			 other.command, other.interfaces, left);
}

int pending_take(struct error *err)
{
	auto_fd int fd = open_socket(err);
	struct sockaddr_un address;
	socklen_t size = make_address(&address);
	int ret;

	if (fd < 0)
		return fd;
	if (!bind(fd, (const struct sockaddr *)&address, size))
		return auto_take_fd(&fd);
	ret = -errno;
	if (ret == -EADDRINUSE)
		return refuse_second(err);
	return error_set(err, ret, "cannot name a socket: %s", strerror(-ret));
}

int pending_accept(int listener, enum pending_verb *verb)
{
	auto_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char byte;
	pid_t pid;

	if (fd < 0) {
		int ret = -errno;

		/* No descriptor is free, for instance. The client waits on, and so do we. */
		poll(NULL, 0, ACCEPT_PAUSE_MS);
		return ret;
	}
	set_timeout(fd, 1);
	if (find_peer(fd, &pid))
		return -EPERM;
	if (recv(fd, &byte, 1, 0) != 1)
		return -EPROTO;
	*verb = (enum pending_verb)byte;
	return auto_take_fd(&fd);
}

static void send_text(int client, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t sent = send(client, text, left, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		left -= (size_t)sent;
	}
}

void pending_tell(int client, const struct pending *pending)
{
	char line[640];

	snprintf(line, sizeof(line), "%llu %s %s\n", (unsigned long long)pending->left_s,
		 pending->command, pending->interfaces);
	send_text(client, line);
}

void pending_finish(int client, const char *failure, const char *remarks)
{
	if (failure) {
		send_text(client, "failed: ");
		send_text(client, failure);
		send_text(client, "\n");
	} else {
		send_text(client, "done\n");
	}
	send_text(client, remarks);
}
