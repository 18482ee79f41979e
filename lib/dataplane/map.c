// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say of a BPF map?
 */
#include <dataplane/map.h>

#include <errno.h>

#include <bpf/bpf.h>

#include <util/auto.h>

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
