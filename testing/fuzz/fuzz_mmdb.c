// SPDX-License-Identifier: GPL-2.0
/*
 * Does any file make the reader of MaxMind DB files, or the library below it, misbehave? And is the
 * table that it writes always one that can be read?
 */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <feed/where.h>
#include <source/mmdb.h>
#include <util/error.h>

static const char *const conditions[] = { "country=KP,RU", "asn=64500" };

#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

/* The names of countries and AS numbers that a damaged file has may be anything; what is read is
 * only refused for its ranges or because none is wanted. */
static void read_table(struct where *where, char *text, size_t size)
{
	struct input input = { .verdict = VERDICT_DROP,
			       .expires = IPF_NEVER,
			       .now = FUZZ_NOW,
			       .format = &format_mmdb,
			       .where = where };
	FILE *file = fmemopen(text, size, "r");
	struct error err = { .text = "" };

	assert(file);
	if (reader_read(&input, file, "-", &err))
		assert(!"the table cannot be read");
	fclose(file);
	input_done(&input);
}

static void write_table(struct mmdb *mmdb, struct where *where)
{
	struct error err = { .text = "" };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int ret;

	assert(out);
	ret = mmdb_write(mmdb, where->conditions, where->count, out, &err);
	fclose(out);
	assert(ret ? !strncmp(err.text, "file: ", 6) : !err.text[0]);
	if (!ret)
		read_table(where, text, size);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct where where = { .count = 0 };
	struct error err = { .text = "" };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct mmdb *mmdb;
	char path[32];

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* One with both keys, one with the first alone. */
	assert(!where_add(&where, conditions[0], NULL));
	if (size % CONDITIONS)
		assert(!where_add(&where, conditions[1], NULL));
	mmdb = mmdb_open(path, "file", &err);
	assert(mmdb || !strncmp(err.text, "file: ", 6));
	if (mmdb)
		write_table(mmdb, &where);
	mmdb_close(mmdb);
	where_done(&where);
	close(fd);
	return 0;
}
