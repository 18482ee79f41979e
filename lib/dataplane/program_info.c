// SPDX-License-Identifier: GPL-2.0
/*
 * What does the kernel say of a loaded program?
 */
#include <dataplane/program_info.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/* The kernel counts all maps, however many ids there is room for. */
int program_info(int program, __u32 *map_ids, __u32 map_count, struct bpf_prog_info *out)
{
	__u32 size = sizeof(*out);

	memset(out, 0, sizeof(*out));
	out->nr_map_ids = map_count;
	out->map_ids = (__u64)(unsigned long)map_ids;
	if (bpf_obj_get_info_by_fd(program, out, &size))
		return -errno;
	if (out->nr_map_ids > map_count)
		out->nr_map_ids = map_count;
	return 0;
}
