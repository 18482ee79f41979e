// SPDX-License-Identifier: GPL-2.0
/*
 * Which files can a program in the sandbox reach?
 */
#include <sandbox/sandbox_files.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>

/* Where libraries, the configuration of names, and authorities are. Those that are not there, or
 * that the user nobody cannot reach, are left out. */
static const char *const readable[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/nix/store",
	"/gnu/store",
	"/var/lib/ca-certificates",
	/* To these, /etc/resolv.conf is often a link. */
	"/run/systemd/resolve",
	"/run/NetworkManager",
	"/run/resolvconf",
	"/run/connman",
	"/dev/urandom",
	"/dev/null",
};

static int fail(const char *what, struct error *err)
{
	int ret = -errno;

	return error_set(err, ret, "cannot limit the files in reach: %s: %s", what, strerror(-ret));
}

/* All rights that this kernel knows, so that none is left: 13 of the first version, and one more of
 * the second (moving), third (truncating) and fifth (ioctl) each. */
static __u64 all_rights(long version)
{
	unsigned int count = 13u + (version >= 2) + (version >= 3) + (version >= 5);

	return (1ull << count) - 1;
}

static int allow_reading(int ruleset, const char *path, struct error *err)
{
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = fd,
	};
	struct stat status;

	if (fd < 0)
		return 0;
	if (fstat(fd, &status))
		return fail(path, err);
	if (S_ISDIR(status.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return fail(path, err);
	return 0;
}

int sandbox_files_limit(enum sandbox_use use, struct error *err)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const struct landlock_ruleset_attr attr = { .handled_access_fs = all_rights(version) };
	const size_t count = use == SANDBOX_ASKS ? sizeof(readable) / sizeof(readable[0]) : 0;
	auto_fd int ruleset = -1;
	int ret = 0;

	/* Built without it, or turned off at boot. */
	if (version < 1)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return fail("Landlock", err);
	for (size_t i = 0; !ret && i < count; i++)
		ret = allow_reading(ruleset, readable[i], err);
	if (!ret && syscall(SYS_landlock_restrict_self, ruleset, 0))
		ret = fail("Landlock", err);
	return ret;
}
