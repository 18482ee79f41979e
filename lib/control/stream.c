// SPDX-License-Identifier: GPL-2.0
/*
 * How is a file that the user names opened?
 */
#include <control/stream.h>

#include <errno.h>
#include <string.h>

#include <dataplane/capability.h>
#include <util/error.h>

FILE *stream_open(const char *name, struct error *err)
{
	FILE *stream;
	int ret;

	if (!strcmp(name, "-"))
		return stdin;
	stream = fopen(name, "re");
	if (stream)
		return stream;
	ret = -errno;
	/* A user without any privilege gets that message later. */
	if (ret == -EACCES && capability_has(CAPABILITY_BPF) && !capability_has(CAPABILITY_FILES))
		error_set(err, ret,
			  "%s: cannot open it: %s, and CAP_DAC_READ_SEARCH (files of other users "
			  "need it) is missing",
			  name, strerror(-ret));
	else
		error_set(err, ret, "%s: cannot open it: %s", name, strerror(-ret));
	return NULL;
}

void stream_close(FILE *stream)
{
	if (stream != stdin)
		fclose(stream);
}
