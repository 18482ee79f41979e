// SPDX-License-Identifier: GPL-2.0
/*
 * Which networks of a table of countries or AS numbers does a source choose?
 *
 * The stream may be packed, so it is first copied to memory: a MaxMind DB file is known by its end.
 */
#include <source/table.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <feed/format.h>
#include <feed/mmdb_file.h>
#include <feed/reader.h>
#include <feed/where.h>
#include <source/mmdb.h>
#include <util/auto.h>
#include <util/error.h>

#define BLOCK_SIZE ((size_t)64 << 10)

static FILE *open_memory(const char *name, struct error *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r+");

	if (file)
		return file;
	error_set(err, -errno, "%s: cannot copy it to memory: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int copy(FILE *from, FILE *to, const char *name, struct error *err)
{
	auto_free char *block = malloc(BLOCK_SIZE);
	size_t count;

	if (!block)
		return error_no_memory(err);
	while ((count = fread(block, 1, BLOCK_SIZE, from)))
		if (fwrite(block, 1, count, to) != count)
			return error_set(err, -EIO, "%s: cannot copy it to memory", name);
	if (ferror(from))
		return error_set(err, -EIO, "%s: cannot read it: %s", name, strerror(errno));
	if (fflush(to))
		return error_set(err, -EIO, "%s: cannot copy it to memory", name);
	rewind(to);
	return 0;
}

#ifdef HAVE_MAXMINDDB
/* Writes the table of the file `from` to `to`. */
static int convert(const struct where *where, FILE *from, FILE *to, const char *name,
		   struct error *err)
{
	struct mmdb *mmdb;
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(from));
	mmdb = mmdb_open(path, name, err);
	if (!mmdb)
		return -EINVAL;
	ret = mmdb_write(mmdb, where->conditions, where->count, to, err);
	mmdb_close(mmdb);
	if (!ret && fflush(to))
		ret = error_set(err, -EIO, "%s: cannot copy it to memory", name);
	rewind(to);
	return ret;
}
#else
static int convert(const struct where *where, FILE *from, FILE *to, const char *name,
		   struct error *err)
{
	(void)where;
	(void)from;
	(void)to;
	return error_set(err, -ENOTSUP,
			 "%s: a MaxMind DB file, and this program was built without libmaxminddb; "
			 "install libmaxminddb-dev, then configure and build it again",
			 name);
}
#endif

static int read_database(struct input *input, FILE *file, const char *name, struct error *err)
{
	auto_file FILE *table = open_memory(name, err);
	int ret;

	if (!table)
		return -EIO;
	ret = convert(input->where, file, table, name, err);
	input->format = &format_mmdb;
	return ret ? ret : reader_read(input, table, name, err);
}

static int read_either(struct input *input, FILE *stream, const char *name, struct error *err)
{
	auto_file FILE *file = open_memory(name, err);
	int ret = file ? copy(stream, file, name, err) : -EIO;

	if (ret)
		return ret;
	if (input->format ? input->format == &format_mmdb : mmdb_file_is(fileno(file)))
		return read_database(input, file, name, err);
	return reader_read(input, file, name, err);
}

int table_choose(struct input *input, FILE *file, const char *name, const char *where,
		 struct error *err)
{
	auto_free char *copied = strdup(where);
	struct where conditions = { .count = 0 };
	char *next = copied, *text;
	int ret = copied ? 0 : error_no_memory(err);

	while (!ret && (text = strsep(&next, "\n")))
		ret = where_add(&conditions, text, err);
	input->where = &conditions;
	if (!ret)
		ret = read_either(input, file, name, err);
	if (!ret) {
		ret = where_check(&conditions, err);
		if (ret)
			error_prefix(err, ret, "%s", name);
	}
	input->where = NULL;
	where_done(&conditions);
	return ret;
}
