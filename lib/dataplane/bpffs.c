// SPDX-License-Identifier: GPL-2.0
/*
 * Is there a BPF file system for libxdp's pins?
 */
#include <dataplane/bpffs.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>

static bool is_mounted(void)
{
	struct statfs fs;

	return !statfs(BPFFS_PATH, &fs) && (unsigned int)fs.f_type == BPF_FS_MAGIC;
}

/* The id of the mount that a path leads to, or 0. (statx(2) has it too, but not in every C
 * library.) */
static unsigned long long mount_id(const char *path)
{
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	char name[sizeof("/proc/self/fdinfo/") + 3 * sizeof(fd)];
	auto_file FILE *facts = NULL;
	auto_free char *line = NULL;
	size_t size = 0;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	facts = fd < 0 ? NULL : fopen(name, "re");
	while (facts && getline(&line, &size, facts) > 0) {
		unsigned long long id;

		if (sscanf(line, "mnt_id: %llu", &id) == 1)
			return id;
	}
	return 0;
}

/* Does a line of /proc/PID/mountinfo tell of the mount with this id, or of the one at BPFFS_PATH of
 * this file system? */
static bool names_mount(const char *line, unsigned long long id, dev_t device)
{
	unsigned long long found;
	unsigned int upper, lower;
	char point[16];

	if (sscanf(line, "%llu %*u %u:%u %*s %15s", &found, &upper, &lower, point) != 4)
		return false;
	return found == id || (makedev(upper, lower) == device && !strcmp(point, BPFFS_PATH));
}

/* What process 1 sees stays as long as the system or the container. Each mount namespace has its
 * own mount ids, so the id of our mount shows whether we are in that of process 1. (Comparing
 * /proc/1/ns/mnt with ours would take every capability that process 1 has.) In another one, as
 * systemd makes for a service that must not write everywhere, we may still have a copy of its
 * mount: pins are in the file system then, not in our mount. */
bool bpffs_lasts(void)
{
	auto_file FILE *mounts = fopen("/proc/1/mountinfo", "re");
	auto_free char *line = NULL;
	unsigned long long id = mount_id(BPFFS_PATH);
	struct stat status = { 0 };
	size_t size = 0;

	if (is_mounted())
		stat(BPFFS_PATH, &status);
	while (mounts && id && getline(&line, &size, mounts) > 0) {
		if (names_mount(line, id, status.st_dev))
			return true;
	}
	return false;
}

int bpffs_ensure(struct error *err)
{
	int ret;

	if (is_mounted())
		return 0;
	if (!bpffs_lasts())
		return error_set(err, -ENOENT,
				 "no BPF file system at " BPFFS_PATH
				 "; run 'nsenter -t 1 -m mount -t bpf bpf " BPFFS_PATH
				 "' and this command outside this mount namespace (it is not that of "
				 "process 1, and would take the filter along when it ends)");
	if (mount("bpf", BPFFS_PATH, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
		ret = -errno;
		return error_set(err, ret,
				 "no BPF file system at " BPFFS_PATH
				 ", and it cannot be mounted (%s); run 'mount -t bpf "
				 "bpf " BPFFS_PATH "'",
				 strerror(-ret));
	}
	log_verbose("mounted the BPF file system at " BPFFS_PATH);
	return 0;
}

bool bpffs_writable(void)
{
	struct statvfs fs;

	return is_mounted() && !statvfs(BPFFS_PATH, &fs) && !(fs.f_flag & ST_RDONLY);
}
