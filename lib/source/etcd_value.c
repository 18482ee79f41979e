// SPDX-License-Identifier: GPL-2.0
/*
 * Which rules does a key of etcd ask for?
 */
#include <source/etcd_value.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <feed/reader.h>
#include <source/list.h>
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

/* In memory only. -1: there is none. */
static int open_value(const struct etcd_answer_pair *pair)
{
	auto_fd int fd = memfd_create("value", MFD_CLOEXEC);
	size_t written = 0;
	ssize_t more = 1;

	while (fd >= 0 && written < pair->value_size && more > 0) {
		more = write(fd, pair->value + written, pair->value_size - written);
		if (more > 0)
			written += (size_t)more;
	}
	if (fd < 0 || written < pair->value_size || lseek(fd, 0, SEEK_SET))
		return -1;
	return auto_take_fd(&fd);
}

int etcd_value_read(const struct etcd_answer_pair *pair, size_t skipped, const struct job *job,
		    const char *name, struct input *input, struct error *err)
{
	auto_fd int fd = -1;

	input_start(input);
	if (!pair->value_size)
		return read_name(pair, skipped, input, err);
	fd = open_value(pair);
	if (fd < 0)
		return error_no_memory(err);
	return list_read_whole(job, fd, name, input, err);
}
