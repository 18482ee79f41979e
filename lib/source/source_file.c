// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a file say?
 *
 * sync has opened it. The validator is what stat(2) says of it, so that a file that is as it was is
 * not read again.
 */
#include <source/source.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <source/delivery.h>
#include <source/list.h>
#include <util/error.h>

#define VALIDATOR_SIZE 160

/* A file can change twice within one step of the clock that stamps it. So the stamp of a file that
 * has just changed says nothing: then there is no validator. */
#define SETTLED_S 2

static int look(const struct job *job, struct stat *status, struct error *err)
{
	const char *path = job->location.path;
	int ret;

	if (fstat(JOB_DESCRIPTOR, status)) {
		ret = -errno;
		return error_set(err, ret, "%s: cannot read it: %s", path, strerror(-ret));
	}
	if (!S_ISREG(status->st_mode))
		return error_set(err, -EINVAL, "%s: not a regular file", path);
	return 0;
}

static void describe(const struct stat *status, char validator[VALIDATOR_SIZE])
{
	snprintf(validator, VALIDATOR_SIZE, "%ju:%ju %jd %jd.%09ld %jd.%09ld",
		 (uintmax_t)status->st_dev, (uintmax_t)status->st_ino, (intmax_t)status->st_size,
		 (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
		 (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

static bool has_settled(const struct stat *status)
{
	const time_t now = time(NULL);

	return status->st_ctim.tv_sec + SETTLED_S < now && status->st_mtim.tv_sec + SETTLED_S < now;
}

/* What was read is of one state of the file, unless somebody wrote to it meanwhile. */
static int check_unchanged(const struct job *job, const char *before, struct error *err)
{
	char after[VALIDATOR_SIZE];
	struct stat status;
	int ret = look(job, &status, err);

	if (ret)
		return ret;
	describe(&status, after);
	if (!strcmp(before, after))
		return 0;
	return error_set(err, -EAGAIN,
			 "%s: it changed while it was read; write another file and rename it",
			 job->location.path);
}

int source_run_file(const struct job *job, FILE *out, struct error *err)
{
	char validator[VALIDATOR_SIZE];
	struct input input = { 0 };
	struct stat status;
	int ret = look(job, &status, err);

	if (ret)
		return ret;
	describe(&status, validator);
	if (job->validator && !strcmp(job->validator, validator))
		return delivery_same(out, err);
	ret = list_read(job, JOB_DESCRIPTOR, job->location.path, &input, err);
	if (!ret)
		ret = check_unchanged(job, validator, err);
	if (!ret)
		ret = list_deliver(&input, has_settled(&status) ? validator : NULL, out, err);
	input_done(&input);
	return ret;
}
