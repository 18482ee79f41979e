// SPDX-License-Identifier: GPL-2.0
/*
 * What does a configuration file of sync say, in a build that cannot read one?
 */
#include <sync/config_file.h>

#include <errno.h>

#include <util/error.h>

int config_file_parse(FILE *file, const char *name, struct config *config, struct error *err)
{
	(void)file;
	(void)config;
	error_set(err, -ENOTSUP,
		  "%s: this program was built without libconfuse, which reads configuration files; "
		  "install libconfuse-dev, then configure and build it again, or name the sources "
		  "as SET=SOURCE",
		  name);
	return error_set_kind(err, -ENOTSUP, ERROR_USAGE);
}

int config_file_read(const char *path, struct config *config, struct error *err)
{
	return config_file_parse(NULL, path, config, err);
}
