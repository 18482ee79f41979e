// SPDX-License-Identifier: GPL-2.0
/*
 * Where is the last good copy of a set kept, so that a start without network still filters?
 */
#include <sync/cache.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <feed/format.h>
#include <feed/reader.h>
#include <feed/writer.h>
#include <ruleset/tick.h>
#include <sync/config.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

#define SOURCE "# source "
#define VALIDATOR "# validator "
#define END "# end\n"

void cache_copy_done(struct cache_copy *copy)
{
	free(copy->rules);
	free(copy->validator);
	*copy = (struct cache_copy){ 0 };
}

static int fail(const char *path, const char *what, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "%s: cannot %s it: %s", path, what, strerror(-ret));
}

int cache_open(const char *folder, struct error *err)
{
	if (!mkdir(folder, S_IRWXU) || errno == EEXIST)
		return 0;
	return fail(folder, "make", err);
}

static int make_path(const char *folder, const struct config_source *source, const char *end,
		     char path[PATH_MAX], struct error *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s.rules%s", folder, source->set, end) < PATH_MAX)
		return 0;
	return error_set(err, -ENAMETOOLONG, "%s: too long for a path", folder);
}

/* What decides which rules a source gives: a copy made otherwise says something else. One line. */
static char *describe(const struct config_source *source)
{
	char *text;

	if (asprintf(&text, "%s format=%s verdict=%x%s%s", source->location.text,
		     source->format ? source->format : "", source->verdict,
		     source->where ? " where=" : "", source->where ? source->where : "") < 0)
		return NULL;
	for (char *end = text; (end = strchr(end, '\n'));)
		*end = '\t';
	return text;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The next line must begin so. Returns 0 with the rest in *out (NULL: it does not), or -ENOMEM. The
 * caller frees *out. */
static int read_comment(FILE *file, const char *beginning, char **out)
{
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t length = getline(&line, &size, file);

	*out = NULL;
	if (length <= 0 || line[length - 1] != '\n' || strncmp(line, beginning, strlen(beginning)))
		return 0;
	line[length - 1] = '\0';
	*out = strdup(line + strlen(beginning));
	return *out ? 0 : -ENOMEM;
}

static bool ends_whole(FILE *file)
{
	char end[sizeof(END)] = "";
	const size_t length = sizeof(END) - 1;

	return !fseek(file, -(long)length, SEEK_END) && fread(end, 1, length, file) == length &&
	       !strcmp(end, END);
}

static int refuse(const char *path, struct error *err)
{
	return error_set(err, -EBADMSG, "%s: this copy of the source is damaged, and not used",
			 path);
}

/* Whose copy is it? */
static int read_head(const struct config_source *source, FILE *file, const char *path,
		     struct cache_copy *out, struct error *err)
{
	auto_free char *wanted = describe(source), *found = NULL;
	int ret = wanted ? read_comment(file, SOURCE, &found) : -ENOMEM;

	if (!ret)
		ret = read_comment(file, VALIDATOR, &out->validator);
	if (ret)
		return error_no_memory(err);
	if (!found || !out->validator || !ends_whole(file))
		return refuse(path, err);
	if (strcmp(found, wanted) != 0)
		return -ESTALE;
	if (!*out->validator) {
		free(out->validator);
		out->validator = NULL;
	}
	rewind(file);
	return 0;
}

static int read_rules(const struct config_source *source, FILE *file, const char *path,
		      struct cache_copy *out, struct error *err)
{
	struct input input = {
		.verdict = VERDICT_BY_POLICY,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.unix_now_ns = clock_unix_ns(),
		.set = source->set,
		.format = &format_rules,
	};
	int ret = reader_read(&input, file, path, err);

	if (ret) {
		error_prefix(err, ret, "this copy of the source is damaged, and not used");
	} else {
		out->rules = input.rules;
		out->count = input.count;
		input.rules = NULL;
	}
	input_done(&input);
	return ret;
}

int cache_read(const char *folder, const struct config_source *source, struct cache_copy *out,
	       struct error *err)
{
	auto_file FILE *file = NULL;
	struct cache_copy copy = { 0 };
	char path[PATH_MAX];
	int ret = make_path(folder, source, "", path, err);

	if (ret)
		return ret;
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? -ENOENT : fail(path, "read", err);
	ret = read_head(source, file, path, &copy, err);
	if (!ret)
		ret = read_rules(source, file, path, &copy, err);
	if (ret)
		cache_copy_done(&copy);
	else
		*out = copy;
	return ret;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int write_copy(const struct config_source *source, const struct cache_copy *copy, FILE *file)
{
	auto_free char *description = describe(source);
	struct ruleset rules = { .rules = copy->rules, .count = copy->count };
	struct ipf_set set = { .name = RULE_DEFAULT_SET };
	int ret;

	if (!description)
		return -ENOMEM;
	rules.sets = &set;
	rules.set_count = 1;
	if (fprintf(file, SOURCE "%s\n" VALIDATOR "%s\n", description,
		    copy->validator ? copy->validator : "") < 0)
		return -errno;
	ret = writer_write(&rules, tick_now(), clock_unix_ns(), file);
	if (ret)
		return ret;
	return fputs(END, file) < 0 || fflush(file) || fsync(fileno(file)) ? -errno : 0;
}

static int rename_copy(const char *folder, const char *from, const char *to)
{
	auto_fd int fd = -1;

	if (rename(from, to))
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

int cache_write(const char *folder, const struct config_source *source,
		const struct cache_copy *copy, struct error *err)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	auto_file FILE *file = NULL;
	int ret = make_path(folder, source, "", path, err);

	if (!ret)
		ret = make_path(folder, source, ".new", fresh, err);
	if (ret)
		return ret;
	file = fopen(fresh, "we");
	ret = file ? write_copy(source, copy, file) : -errno;
	if (!ret)
		ret = rename_copy(folder, fresh, path);
	if (!ret)
		return 0;
	unlink(fresh);
	return error_set(err, ret, "%s: cannot write it: %s", fresh, strerror(-ret));
}
