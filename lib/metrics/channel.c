// SPDX-License-Identifier: GPL-2.0
/*
 * What do the two programs of the server say to each other?
 */
#include <metrics/channel.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>

/* What comes with a descriptor; else the message is why there is none. */
#define HAS_TEXT "\1"

/* Room for one descriptor. */
union ancillary {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int fail(const char *what, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot %s: %s", what, strerror(-ret));
}

/* Messages keep their bounds, so no half of one is ever read. */
int channel_open(int ends[2], struct error *err)
{
	int made[2], on;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, made))
		return fail("make a socket", err);
	on = fcntl(made[0], F_SETFL, O_NONBLOCK);
	if (on) {
		int ret = fail("make a socket", err);

		close(made[0]);
		close(made[1]);
		return ret;
	}
	ends[0] = made[0];
	ends[1] = made[1];
	return 0;
}

static int say(int end, unsigned char word, struct error *err)
{
	ssize_t sent;

	do
		sent = send(end, &word, 1, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == 1 ? 0 : fail("ask for a page", err);
}

int channel_say_alive(int end, struct error *err)
{
	return say(end, CHANNEL_ALIVE, err);
}

/* -1: none. */
static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	    header->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static int receive(int end, char *text, size_t size, int *fd)
{
	union ancillary ancillary;
	struct iovec part = { text, size - 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &ancillary,
				  .msg_controllen = sizeof(ancillary) };
	ssize_t count;

	do
		count = recvmsg(end, &message, MSG_CMSG_CLOEXEC);
	while (count < 0 && errno == EINTR);
	if (count <= 0)
		return count ? -errno : -EPIPE;
	text[count] = '\0';
	*fd = descriptor_of(&message);
	return 0;
}

int channel_ask(int end, enum channel_word page, size_t *size, struct error *err)
{
	char text[sizeof(err->text)];
	auto_fd int fd = -1;
	struct stat status;
	int ret = say(end, (unsigned char)page, err);

	if (!ret)
		ret = receive(end, text, sizeof(text), &fd);
	if (ret)
		return error_set(err, ret, "the filters cannot be asked: %s", strerror(-ret));
	if (fd < 0 && !strcmp(text, HAS_TEXT))
		return error_set(err, -EMFILE, "too many pages are being sent");
	if (fd < 0)
		return error_set(err, -EIO, "%s", text);
	if (fstat(fd, &status))
		return fail("measure a page", err);
	*size = (size_t)status.st_size;
	return auto_take_fd(&fd);
}

/* -- For the program that reads filters -------------------------------------------------------- */

int channel_read(int end, enum channel_word *out, struct error *err)
{
	unsigned char word[2];
	ssize_t count;

	do
		count = recv(end, word, sizeof(word), MSG_DONTWAIT);
	while (count < 0 && errno == EINTR);
	if (count < 0 && errno == EAGAIN)
		return 0;
	if (count < 0 && errno != ECONNRESET)
		return fail("read from the program that speaks HTTP", err);
	if (count <= 0)
		return error_set(err, -EPIPE, "it has closed its socket");
	if (count != 1 || word[0] >= CHANNEL_WORDS)
		return error_set(err, -EPROTO, "it says what it cannot mean");
	*out = word[0];
	return 1;
}

/* `ancillary` comes with it, if it is not NULL. */
static int send_message(int end, const char *text, union ancillary *ancillary, struct error *err)
{
	struct iovec part = { (char *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = ancillary,
				  .msg_controllen = ancillary ? sizeof(*ancillary) : 0 };

	if (sendmsg(end, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN)
		return error_set(err, -EAGAIN, "it asks and does not listen");
	return fail("answer it", err);
}

int channel_answer(int end, int text, struct error *err)
{
	union ancillary ancillary = { .header = { .cmsg_len = CMSG_LEN(sizeof(text)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS } };

	memcpy(CMSG_DATA(&ancillary.header), &text, sizeof(text));
	return send_message(end, HAS_TEXT, &ancillary, err);
}

int channel_refuse(int end, const char *why, struct error *err)
{
	return send_message(end, *why ? why : "?", NULL, err);
}
