// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say of a BPF map, and how is a small one made?
 */
#include <dataplane/map.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <util/auto.h>

/* The part of the kernel's struct for this call that has a name in it (Linux 4.15). */
#define CREATE_SIZE offsetof(union bpf_attr, map_ifindex)

int map_create(enum bpf_map_type type, const char *name, __u32 value_size)
{
	union bpf_attr attributes;
	long fd;

	memset(&attributes, 0, sizeof(attributes));
	attributes.map_type = type;
	attributes.key_size = type == BPF_MAP_TYPE_QUEUE ? 0 : sizeof(__u32);
	attributes.value_size = value_size;
	attributes.max_entries = 1;
	snprintf(attributes.map_name, sizeof(attributes.map_name), "%s", name);
	fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, CREATE_SIZE);
	return fd < 0 ? -errno : (int)fd;
}

int map_info(int fd, struct bpf_map_info *out)
{
	__u32 size = sizeof(*out);

	*out = (struct bpf_map_info){ 0 };
	return bpf_obj_get_info_by_fd(fd, out, &size) ? -errno : 0;
}

int map_open(__u32 id, struct bpf_map_info *out)
{
	auto_fd int fd = bpf_map_get_fd_by_id(id);
	int ret = fd < 0 ? -errno : map_info(fd, out);

	return ret ? ret : auto_take_fd(&fd);
}
