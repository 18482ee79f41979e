// SPDX-License-Identifier: GPL-2.0
/*
 * Which process is the last to be killed where memory runs out?
 */
#include <util/oom.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <util/auto.h>

#define LAST "-1000"

void oom_be_last(struct oom_score *before)
{
	auto_fd int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	*before = (struct oom_score){ .text = "" };
	if (fd < 0 || read(fd, before->text, sizeof(before->text) - 1) <= 0 ||
	    pwrite(fd, LAST, strlen(LAST), 0) < 0)
		before->text[0] = '\0';
}

void oom_restore(const struct oom_score *before)
{
	auto_fd int fd = -1;

	if (!before->text[0])
		return;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	/* The score that was there is always permitted. */
	if (fd >= 0 && write(fd, before->text, strlen(before->text)) < 0)
		return;
}
