/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say of a BPF map?
 */
#ifndef DATAPLANE_MAP_H
#define DATAPLANE_MAP_H

#include <linux/bpf.h>

/* Returns 0, or a negative errno with *out zeroed. */
int map_info(int fd, struct bpf_map_info *out);

/* Opens the map of that id and reads about it. Returns a descriptor, or a negative errno; -ENOENT:
 * there is none. */
int map_open(__u32 id, struct bpf_map_info *out);

#endif
