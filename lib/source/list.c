// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a list say, and how are they delivered?
 */
#include <source/list.h>

#include <errno.h>

#include <feed/format.h>
#include <feed/reader.h>
#include <ruleset/coverage.h>
#include <source/delivery.h>
#include <source/table.h>
#include <source/unpack.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

#define WIDE_SHARE 3

/* The stream's own problem explains what a reader only sees as a failure to read. */
static int explain(const struct unpack *unpack, const struct job *job, const char *name, int ret,
		   struct error *err)
{
	char limit[NUMBER_TEXT_SIZE];

	if (ret == -ENOMEM)
		return ret;
	number_format(job->max_bytes, limit);
	if (unpack_is_too_large(unpack))
		return error_set(err, -EFBIG,
				 "%s: unpacked, it is larger than the limit of %s bytes", name,
				 limit);
	if (unpack_problem(unpack))
		return error_set(err, ret, "%s: %s", name, unpack_problem(unpack));
	if (unpack_is_markup(unpack))
		return error_set(err, ret,
				 "%s: a page of HTML or XML, not a list; does a proxy or a login "
				 "page answer instead?",
				 name);
	if (unpack_is_binary(unpack) && !job->where)
		return error_set(err, ret,
				 "%s: a NUL byte, so not a text; if it is a MaxMind DB file, name "
				 "the networks that are wanted, as where = \"country=KP,RU\"",
				 name);
	return ret;
}

/* As the tool refuses it (GUARDS in the manual): one line of a list that others write would shut
 * out a third of the internet or more. Where that is meant, it is written in several lines. */
static int check_wide(const struct input *input, struct error *err)
{
	char line[INPUT_POSITION_SIZE];

	for (int family = 0; family < IPF_FAMILIES; family++) {
		const struct input_wide *widest = &input->wide[family][0];

		if (!widest->origin || widest->covered < coverage_total(family) / WIDE_SHARE)
			continue;
		input_describe_wide(input, widest, line);
		return error_set(err, -EPERM,
				 "%s: a third of the addresses in use, or more; no list has "
				 "such a line, unless it was cut off; write smaller prefixes if it "
				 "is meant",
				 line);
	}
	return 0;
}

static int check_end(const struct input *input, struct error *err)
{
	if (!input->truncated_example[0])
		return 0;
	return error_set(err, -EPERM,
			 "%s is the last line, has no line end, and is wider than all others: it "
			 "may have lost digits",
			 input->truncated_example);
}

int list_read_whole(const struct job *job, int fd, const char *name, struct input *input,
		    struct error *err)
{
	auto_free struct unpack *unpack = malloc(sizeof(*unpack));
	int ret;

	input_start(input);
	input->set = job->set ? job->set : RULE_DEFAULT_SET;
	input->set_option = "the source";
	input->format_option = "format = NAME";
	input->where_option = "where =";
	if (!unpack)
		return error_no_memory(err);
	if (job->format && !(input->format = format_find(job->format)))
		return error_set(err, -EINVAL, "'%s': no such format", job->format);
	ret = unpack_open(unpack, fd, job->max_bytes, err);
	if (ret)
		return ret;
	if (job->where)
		ret = table_choose(input, unpack->file, name, job->where, err);
	else
		ret = reader_read(input, unpack->file, name, err);
	if (ret)
		ret = explain(unpack, job, name, ret, err);
	else
		ret = check_wide(input, err);
	unpack_close(unpack);
	return ret;
}

int list_read(const struct job *job, int fd, const char *name, struct input *input,
	      struct error *err)
{
	int ret = list_read_whole(job, fd, name, input, err);

	return ret ? ret : check_end(input, err);
}

static int warn_host_bits(const struct input *input, FILE *out, struct error *err)
{
	char text[sizeof(input->host_bits_example) + 64];

	if (!input->host_bits)
		return 0;
	if (input->host_bits == 1)
		return delivery_warning(out, input->host_bits_example, err);
	snprintf(text, sizeof(text), "%s, and %zu more with host bits set",
		 input->host_bits_example, input->host_bits - 1);
	return delivery_warning(out, text, err);
}

int list_deliver(const struct input *input, const char *validator, FILE *out, struct error *err)
{
	int ret = warn_host_bits(input, out, err);

	if (!ret)
		ret = delivery_begin_list(out, err);
	for (size_t i = 0; !ret && i < input->count; i++)
		ret = delivery_add(out, &input->rules[i], input->now, err);
	return ret ? ret : delivery_end(out, validator, err);
}
