/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say of a loaded program?
 */
#ifndef DATAPLANE_PROGRAM_INFO_H
#define DATAPLANE_PROGRAM_INFO_H

#include <linux/bpf.h>

/* With the ids of up to `map_count` of its maps in map_ids, which may be NULL for 0. The number of
 * ids is out->nr_map_ids. Returns 0 or a negative errno. */
int program_info(int program, __u32 *map_ids, __u32 map_count, struct bpf_prog_info *out);

#endif
