// SPDX-License-Identifier: GPL-2.0
/*
 * Is this a MaxMind DB file?
 */
#include <feed/mmdb_file.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <util/auto.h>

/* The mark is in front of the metadata, which is within the last 128 KiB. */
#define MARK "\xab\xcd\xefMaxMind.com"
#define TAIL_SIZE ((size_t)128 << 10)

/* Texts, which most files are, have no NUL; the tree that such a file begins with has. */
static bool is_binary(int fd)
{
	char start[4096];
	ssize_t count = pread(fd, start, sizeof(start), 0);

	return count > 0 && memchr(start, '\0', (size_t)count);
}

static bool has_mark(int fd, off_t size)
{
	off_t at = size > (off_t)TAIL_SIZE ? size - (off_t)TAIL_SIZE : 0;
	auto_free char *tail = malloc(TAIL_SIZE);
	ssize_t count = tail ? pread(fd, tail, TAIL_SIZE, at) : 0;

	return count > 0 && memmem(tail, (size_t)count, MARK, strlen(MARK));
}

bool mmdb_file_is(int fd)
{
	struct stat status;

	return !fstat(fd, &status) && S_ISREG(status.st_mode) && is_binary(fd) &&
	       has_mark(fd, status.st_size);
}
