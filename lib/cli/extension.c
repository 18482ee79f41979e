// SPDX-License-Identifier: GPL-2.0
/*
 * Where is a program that is a command of ours, but needs libraries that the others do without?
 */
#include <cli/extension.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <util/error.h>
#include <util/program.h>

/* The folder of the program that runs now. */
static int own_folder(char folder[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	char *slash;

	if (length < 0)
		return -errno;
	folder[length] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/* Is it there, and may we run it? */
static int try(const char *folder, const char *name, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s", folder, name);

	if (length < 0 || (size_t)length >= size)
		return -ENAMETOOLONG;
	return access(path, X_OK) ? -errno : 0;
}

/* Packages have the name of their program; two programs only help others, and are with them. */
static const char *package_of(const char *name)
{
	if (!strcmp(name, PROGRAM_NAME "-source"))
		return PROGRAM_NAME "-sync";
	if (!strcmp(name, PROGRAM_NAME "-http"))
		return PROGRAM_NAME "-metrics";
	return name;
}

int extension_find(const char *name, char *path, size_t size, struct error *err)
{
	char folder[PATH_MAX];
	int ret = own_folder(folder);

	if (!ret && !try(folder, name, path, size))
		return 0;
	ret = try(LIBEXECDIR, name, path, size);
	if (ret == -ENOENT)
		return error_set(err, ret,
				 "%s is not installed in %s; some distributions package it apart "
				 "(Debian: %s)",
				 name, LIBEXECDIR, package_of(name));
	return ret ? error_set(err, ret, "%s: %s", path, strerror(-ret)) : 0;
}

int extension_exec(const char *name, char **argv, struct error *err)
{
	char path[PATH_MAX];
	int ret = extension_find(name, path, sizeof(path), err);

	if (ret)
		return ret;
	fflush(NULL);
	execv(path, argv);
	ret = -errno;
	return error_set(err, ret, "cannot run %s: %s", path, strerror(-ret));
}
