// SPDX-License-Identifier: GPL-2.0
/*
 * How does a file change as a whole, for the textfile collector of Prometheus' node exporter?
 */
#include <metrics/textfile.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <util/error.h>

static int refuse(const char *path, int ret, struct error *err)
{
	/* Root without its capabilities is like any other user. */
	if (ret == -EACCES)
		return error_set(err, ret, "%s: %s; the folder must be root's to write in", path,
				 strerror(-ret));
	return error_set(err, ret, "%s: %s", path, strerror(-ret));
}

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	FILE *file = fd >= 0 && !fchmod(fd, 0644) ? fdopen(fd, "w") : NULL;

	if (!file && fd >= 0)
		close(fd);
	return file;
}

int textfile_begin(const char *path, struct textfile *out, struct error *err)
{
	struct textfile textfile = { .path = path };
	int ret;

	if (asprintf(&textfile.fresh, "%s.tmp", path) < 0)
		return error_no_memory(err);
	unlink(textfile.fresh);
	textfile.file = create(textfile.fresh);
	if (!textfile.file) {
		ret = refuse(textfile.fresh, -errno, err);
		free(textfile.fresh);
		return ret;
	}
	*out = textfile;
	return 0;
}

int textfile_finish(struct textfile *textfile, struct error *err)
{
	int ret = fflush(textfile->file) ? -errno : 0;

	/* An earlier write that failed is not tried again. */
	if (!ret && ferror(textfile->file))
		ret = -EIO;
	fclose(textfile->file);
	if (ret)
		refuse(textfile->fresh, ret, err);
	else if (rename(textfile->fresh, textfile->path))
		ret = refuse(textfile->path, -errno, err);
	if (ret)
		unlink(textfile->fresh);
	free(textfile->fresh);
	*textfile = (struct textfile){ 0 };
	return ret;
}
