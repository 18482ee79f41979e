/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is something released at the end of a scope, on every path?
 */
#ifndef UTIL_AUTO_H
#define UTIL_AUTO_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void auto_release_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void auto_release_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void auto_release_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define auto_free __attribute__((cleanup(auto_release_free)))
#define auto_fd __attribute__((cleanup(auto_release_fd)))
#define auto_file __attribute__((cleanup(auto_release_file)))

/* Hands the descriptor over: the scope no longer closes it. */
static inline int auto_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
