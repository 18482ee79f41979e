// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a key of etcd ask for?
 */
#include <source/etcd_value.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <feed/format.h>
#include <feed/reader.h>
#include <source/gzip.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/text.h>

/* The first NUL of a name that has one ends it, which makes it no rule. */
static char *copy_name(const struct etcd_answer_pair *pair, size_t skipped)
{
	size_t length = pair->key_size > skipped ? pair->key_size - skipped : 0;

	return strndup((const char *)pair->key + pair->key_size - length, length);
}

const char *etcd_value_name(const struct etcd_answer_pair *pair, size_t skipped,
			    char text[ETCD_VALUE_NAME_SIZE])
{
	auto_free char *name = copy_name(pair, skipped);

	text_printable(name ? name : "?", text, ETCD_VALUE_NAME_SIZE);
	return text;
}

/* The folder itself, as some browsers of etcd make it, asks for nothing. */
static int read_name(const struct etcd_answer_pair *pair, size_t skipped, struct input *input,
		     struct error *err)
{
	auto_free char *name = copy_name(pair, skipped);

	if (!name)
		return error_no_memory(err);
	if (pair->key_size <= skipped)
		return 0;
	if (strlen(name) != pair->key_size - skipped)
		return error_set(err, -EINVAL, "'%s': its name has a NUL byte", name);
	return reader_argument(input, name, err);
}

/* sync gives all of them its own set. Rules of several sets are a mistake. */
static int check_sets(struct input *input, struct error *err)
{
	for (size_t i = 1; i < input->count; i++)
		if (input->rules[i].set != input->rules[0].set)
			return error_set(err, -EINVAL,
					 "its lines are for several sets; all that a source names "
					 "goes to the source's own set");
	return 0;
}

static int read_text(const char *text, size_t size, const char *name, struct input *input,
		     struct error *err)
{
	auto_file FILE *file = size ? fmemopen((char *)text, size, "r") : NULL;
	int ret;

	if (!size)
		return 0;
	if (!file)
		return error_no_memory(err);
	ret = reader_read(input, file, name, err);
	return ret ? ret : check_sets(input, err);
}

static int read_packed(const struct etcd_answer_pair *pair, uint64_t max_bytes, struct input *input,
		       const char *name, struct error *err)
{
	auto_free char *text = NULL;
	size_t size;
	int ret = gzip_unpack(pair->value, pair->value_size, max_bytes, &text, &size, err);

	return ret ? ret : read_text(text, size, name, input, err);
}

int etcd_value_read(const struct etcd_answer_pair *pair, size_t skipped, uint64_t max_bytes,
		    const char *format, struct input *input, struct error *err)
{
	char name[ETCD_VALUE_NAME_SIZE];

	if (!pair->value_size)
		return read_name(pair, skipped, input, err);
	input->format = format ? format_find(format) : NULL;
	etcd_value_name(pair, skipped, name);
	if (gzip_begins(pair->value, pair->value_size))
		return read_packed(pair, max_bytes, input, name, err);
	return read_text((const char *)pair->value, pair->value_size, name, input, err);
}
