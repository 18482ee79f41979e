// SPDX-License-Identifier: GPL-2.0
/*
 * Is that process still at work?
 */
#include <dataplane/ticket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include <dataplane/map.h>
#include <util/auto.h>

/* A type that other users cannot make, whatever kernel.unprivileged_bpf_disabled says. */
#define TICKET_TYPE BPF_MAP_TYPE_QUEUE

/* What a ticket contains. For messages only: the ticket can be seen before this is written. */
struct maker {
	__u32 pid;
	__u32 reserved;
	__u64 pid_namespace; /* 0: not known */
};

/* The inode of our PID namespace, which a process never leaves; 0 without /proc. */
static __u64 own_pid_namespace(void)
{
	static __u64 inode;
	struct stat status;

	if (!inode && !stat("/proc/self/ns/pid", &status))
		inode = status.st_ino;
	return inode;
}

int ticket_make(const char *name, __u32 *id)
{
	const struct maker maker = {
		.pid = (__u32)getpid(),
		.pid_namespace = own_pid_namespace(),
	};
	auto_fd int fd = map_create(TICKET_TYPE, name, sizeof(maker));
	struct bpf_map_info info;
	int ret = fd < 0 ? fd : map_info(fd, &info);

	if (ret)
		return ret;
	bpf_map_update_elem(fd, NULL, &maker, BPF_ANY);
	*id = info.id;
	return auto_take_fd(&fd);
}

/* Returns 1, 0, or a negative errno if that cannot be found out. */
static int is_ticket(__u32 id, const char *name)
{
	struct bpf_map_info info;
	auto_fd int fd = map_open(id, &info);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return info.type == TICKET_TYPE && info.value_size == sizeof(struct maker) &&
	       !strcmp(info.name, name);
}

bool ticket_is_held(__u32 id, const char *name)
{
	return is_ticket(id, name) != 0;
}

int ticket_next(const char *name, __u32 after, __u32 before, __u32 *id)
{
	__u32 next = after;

	*id = 0;
	while (!bpf_map_get_next_id(next, &next)) {
		int ret;

		if (next >= before)
			return 0;
		ret = is_ticket(next, name);
		if (ret == -ENOMEM || ret == -EMFILE || ret == -ENFILE)
			return ret;
		/* A map that we may not open is no ticket of ours. */
		if (ret != 1)
			continue;
		*id = next;
		return 0;
	}
	return errno == ENOENT ? 0 : -errno;
}

/* Says "gone" for its name if the process has ended since. */
static void name_process(__u32 pid, char text[TICKET_HOLDER_SIZE])
{
	char path[32], name[17] = "gone";
	auto_fd int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (length > 0)
		name[length] = '\0';
	name[strcspn(name, "\n")] = '\0';
	snprintf(text, TICKET_HOLDER_SIZE, "process %u (%s)", pid, name);
}

void ticket_holder(__u32 id, char text[TICKET_HOLDER_SIZE])
{
	auto_fd int fd = bpf_map_get_fd_by_id(id);
	struct maker maker;

	if (fd < 0 || bpf_map_lookup_elem(fd, NULL, &maker) || !maker.pid_namespace)
		snprintf(text, TICKET_HOLDER_SIZE, "another process");
	else if (maker.pid_namespace == own_pid_namespace())
		name_process(maker.pid, text);
	else
		snprintf(text, TICKET_HOLDER_SIZE,
			 "a process in another PID namespace ('bpftool map show id %u' on the host "
			 "shows it)",
			 id);
}
