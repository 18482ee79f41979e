// SPDX-License-Identifier: GPL-2.0
/*
 * What does a source need that nobody else may see?
 */
#include <sync/secrets.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <source/job.h>
#include <sync/config.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

/* A chain of certificates is some kilobytes. */
#define MAX_SIZE (1 << 20)

enum privacy { PUBLIC, PRIVATE };

static int find(const char *name, char path[PATH_MAX], struct error *err)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	int length;

	if (strchr(name, '/'))
		length = snprintf(path, PATH_MAX, "%s", name);
	else if (folder)
		length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
	else
		return error_set_usage(err,
				       "%s: not a path, and there are no credentials of systemd "
				       "(LoadCredential=); name a file by its whole path",
				       name);
	if (length >= PATH_MAX)
		return error_set_usage(err, "%s: too long for a path", name);
	return 0;
}

/* Warns of what every user may read; a group may be meant to. */
static void check_mode(const char *path, const struct stat *status, enum privacy privacy)
{
	if (privacy == PRIVATE && status->st_mode & S_IROTH)
		log_warning("%s: every user can read this secret; 'chmod o= %s'", path, path);
}

static int read_whole(int fd, const char *path, char **out, struct error *err)
{
	char *text = malloc(MAX_SIZE + 1);
	size_t length = 0;
	ssize_t count = 1;

	if (!text)
		return error_no_memory(err);
	while (count > 0 && length < MAX_SIZE) {
		count = read(fd, text + length, MAX_SIZE - length);
		length += count > 0 ? (size_t)count : 0;
	}
	text[length] = '\0';
	if (count >= 0 && length < MAX_SIZE && length && strlen(text) == length) {
		*out = text;
		return 0;
	}
	count = count < 0 ? -errno : -EINVAL;
	explicit_bzero(text, length);
	free(text);
	return error_set(err, (int)count, "%s: %s", path,
			 count == -EINVAL ? "is empty, too large, or not text" :
					    strerror((int)-count));
}

/* Reads the file of this name into *out, NULL where there is none. */
static int read_file(const char *name, enum privacy privacy, char **out, struct error *err)
{
	char path[PATH_MAX];
	struct stat status;
	auto_fd int fd = -1;
	int ret;

	if (!name)
		return 0;
	ret = find(name, path, err);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status)) {
		ret = -errno;
		return error_set(err, ret, "%s: %s", path, strerror(-ret));
	}
	if (!S_ISREG(status.st_mode))
		return error_set(err, -EINVAL, "%s: not a file", path);
	check_mode(path, &status, privacy);
	return read_whole(fd, path, out, err);
}

/* A secret that is one line. */
static int read_line(const char *name, char **out, struct error *err)
{
	int ret = read_file(name, PRIVATE, out, err);
	size_t length;

	if (ret || !*out)
		return ret;
	length = strcspn(*out, "\r\n");
	if (!length || (*out)[length + strspn(*out + length, "\r\n")])
		return error_set(err, -EINVAL, "%s: must be one line", name);
	(*out)[length] = '\0';
	return 0;
}

/* USER:PASSWORD */
static int read_user(const char *name, struct job *job, struct error *err)
{
	char *colon;
	int ret = read_line(name, &job->user, err);

	if (ret || !job->user)
		return ret;
	colon = strchr(job->user, ':');
	if (!colon || colon == job->user)
		return error_set(err, -EINVAL, "%s: must be one line, USER:PASSWORD", name);
	job->password = strdup(colon + 1);
	explicit_bzero(colon + 1, strlen(colon + 1));
	*colon = '\0';
	return job->password ? 0 : error_no_memory(err);
}

int secrets_read(const struct config_source *source, struct job *job, struct error *err)
{
	int ret = read_file(source->ca, PUBLIC, &job->ca, err);

	if (!ret)
		ret = read_file(source->cert, PUBLIC, &job->cert, err);
	if (!ret)
		ret = read_file(source->key, PRIVATE, &job->key, err);
	if (!ret)
		ret = read_user(source->user_file, job, err);
	if (!ret)
		ret = read_line(source->key_file, &job->api_key, err);
	return ret;
}
