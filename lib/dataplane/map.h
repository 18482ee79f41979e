/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the kernel say of a BPF map, and how is a small one made?
 */
#ifndef DATAPLANE_MAP_H
#define DATAPLANE_MAP_H

#include <linux/bpf.h>

/* Makes a map of this name (15 bytes at most), whose keys have four bytes, or none if its type has
 * none. libbpf loads two programs into the kernel before it makes its first map, to find
 * out whether the kernel keeps names and how it counts memory: those cost a small command as much
 * as all of its own maps. Every kernel that we run on keeps names, and capability_limit() cares for
 * the memory. Returns a descriptor, or a negative errno. */
int map_create(enum bpf_map_type type, const char *name, __u32 value_size);

/* Returns 0, or a negative errno with *out zeroed. */
int map_info(int fd, struct bpf_map_info *out);

/* Opens the map of that id and reads about it. Returns a descriptor, or a negative errno; -ENOENT
 * if there is no such map. */
int map_open(__u32 id, struct bpf_map_info *out);

#endif
