/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What are libxdp's dispatchers like, the installed library's and those of other versions?
 *
 * The format of a dispatcher has a version, and libraries of different versions share a soname: a
 * binary that was built with one runs with another. So nothing here comes from the headers of the
 * build.
 */
#ifndef DATAPLANE_DISPATCHER_H
#define DATAPLANE_DISPATCHER_H

#include <linux/types.h>

struct btf;

#define DISPATCHER_NAME "xdp_dispatcher"

/* How many components it has room for. */
#define DISPATCHER_MAX 10

/* The newest version that we can read. Later ones may have another layout. */
#define DISPATCHER_NEWEST_KNOWN 3

/* What a dispatcher was built for. The arrays are by position, which counts from 1: [position -
 * 1]. */
struct dispatcher_config {
	unsigned int version; /* that of its format; 0: it cannot be read */
	unsigned int count;   /* components */
	__u32 chain_call_actions[DISPATCHER_MAX];
	__u32 priorities[DISPATCHER_MAX];
	__u32 program_flags[DISPATCHER_MAX]; /* BPF_F_...; all 0 in version 1 */
};

/* Reads it from the one map of the dispatcher. */
void dispatcher_read_config(__u32 map_id, struct dispatcher_config *out);

/* The format version that the libxdp here makes. libxdp changes only dispatchers of that version;
 * it can take off one of an older version, but only as a whole. */
unsigned int dispatcher_version_made(void);

/* In the dispatcher's BTF: the function that the component at this position of `count` replaces, or
 * a negative errno. */
int dispatcher_function(const struct btf *btf, unsigned int count, unsigned int position);

/* The inverse. `btf` may be NULL. */
unsigned int dispatcher_position(const struct btf *btf, __u32 function_id);

#endif
