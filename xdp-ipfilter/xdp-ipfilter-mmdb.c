// SPDX-License-Identifier: GPL-2.0
/*
 * How does a MaxMind DB file become a table of text, where nothing can be harmed?
 *
 * xdp-ipfilter runs this program for each such file: `xdp-ipfilter-mmdb FILE CONDITION...`. The
 * file is a copy in memory, on standard input; FILE is its name in messages. The other commands do
 * without the library for such files, and the parser of a file from elsewhere gets no capability.
 */
#include <errno.h>
#include <stdio.h>

#include <feed/where.h>
#include <sandbox/sandbox.h>
#include <source/mmdb.h>
#include <util/error.h>
#include <util/log.h>

/* As xdp-ipfilter's own. */
enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int write_table(struct mmdb *mmdb, const struct where *where, struct error *err)
{
	int ret = sandbox_close(err);

	if (!ret)
		ret = mmdb_write(mmdb, where->conditions, where->count, stdout, err);
	if (!ret && fflush(stdout))
		ret = error_set(err, -EIO, "cannot write the table of a database");
	return ret;
}

static int run(const char *name, char **texts, struct error *err)
{
	struct where where = { .count = 0 };
	struct mmdb *mmdb = NULL;
	int ret = sandbox_enter_as_user(err);

	for (; *texts && !ret; texts++)
		ret = where_add(&where, *texts, err);
	if (!ret) {
		mmdb = mmdb_open("/proc/self/fd/0", name, err);
		ret = mmdb ? write_table(mmdb, &where, err) : -EINVAL;
	}
	mmdb_close(mmdb);
	where_done(&where);
	return ret;
}

int main(int argc, char **argv)
{
	struct error err = { .text = "" };

	if (argc < 2) {
		log_error("xdp-ipfilter runs this program, for files in the format mmdb");
		return EXIT_USAGE;
	}
	if (!run(argv[1], argv + 2, &err))
		return EXIT_DONE;
	log_error(err.text);
	return error_is(&err, ERROR_USAGE) ? EXIT_USAGE : EXIT_FAILED;
}
