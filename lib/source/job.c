// SPDX-License-Identifier: GPL-2.0
/*
 * What is a source program asked to do?
 */
#include <source/job.h>

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <util/auto.h>
#include <util/error.h>

/* The members that are texts. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{ "set", offsetof(struct job, set) },
	{ "format", offsetof(struct job, format) },
	{ "where", offsetof(struct job, where) },
	{ "ca", offsetof(struct job, ca) },
	{ "cert", offsetof(struct job, cert) },
	{ "key", offsetof(struct job, key) },
	{ "user", offsetof(struct job, user) },
	{ "password", offsetof(struct job, password) },
	{ "api_key", offsetof(struct job, api_key) },
	{ "validator", offsetof(struct job, validator) },
	{ "version", offsetof(struct job, version) },
};

#define TEXT_COUNT (sizeof(texts) / sizeof(texts[0]))

static char **text_of(const struct job *job, size_t i)
{
	return (char **)((char *)job + texts[i].offset);
}

static json_t *to_json(const struct job *job)
{
	json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "location", job->location.text,
				   "max_bytes", (json_int_t)job->max_bytes, "poll_s",
				   (json_int_t)job->poll_s, "silence_s", (json_int_t)job->silence_s,
				   "total_s", (json_int_t)job->total_s, "once", job->once);

	for (size_t i = 0; i < TEXT_COUNT && object; i++) {
		const char *text = *text_of(job, i);

		if (text && json_object_set_new(object, texts[i].name, json_string(text))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

int job_write(const struct job *job, FILE *out, struct error *err)
{
	json_t *object = to_json(job);
	int ret;

	if (!object)
		return error_set(err, -EINVAL, "%s: a text of its job is not UTF-8",
				 job->location.text);
	ret = json_dumpf(object, out, JSON_COMPACT) || putc('\n', out) == EOF || fflush(out);
	json_decref(object);
	return ret ? error_set(err, -EIO, "%s: cannot send its job", job->location.text) : 0;
}

static int from_json(struct job *job, json_t *object, struct error *err)
{
	const char *location;
	json_int_t max_bytes, poll_s, silence_s = 0, total_s = 0;
	int once;

	if (json_unpack(object, "{s:s, s:I, s:I, s?I, s?I, s:b}", "location", &location,
			"max_bytes", &max_bytes, "poll_s", &poll_s, "silence_s", &silence_s,
			"total_s", &total_s, "once", &once))
		return error_set(err, -EINVAL, "the job is not one of ours");
	job->max_bytes = (uint64_t)max_bytes;
	job->poll_s = (uint64_t)poll_s;
	job->silence_s = (unsigned int)silence_s;
	job->total_s = (unsigned int)total_s;
	job->once = once;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const char *text = json_string_value(json_object_get(object, texts[i].name));

		if (text && !(*text_of(job, i) = strdup(text)))
			return error_no_memory(err);
	}
	return location_parse(location, &job->location, err);
}

int job_read(struct job *job, FILE *in, struct error *err)
{
	auto_free char *line = NULL;
	size_t size = 0;
	json_t *object;
	int ret;

	*job = (struct job){ 0 };
	if (getline(&line, &size, in) < 0)
		return error_set(err, -EIO, "no job came");
	object = json_loads(line, 0, NULL);
	explicit_bzero(line, size);
	if (!object)
		return error_set(err, -EINVAL, "the job is not JSON");
	ret = from_json(job, object, err);
	json_decref(object);
	return ret;
}

void job_done(struct job *job)
{
	for (size_t i = 0; i < TEXT_COUNT; i++)
		free(*text_of(job, i));
	location_done(&job->location);
	*job = (struct job){ 0 };
}
