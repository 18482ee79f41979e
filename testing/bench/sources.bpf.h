/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where does a BPF program of the bench get the next source from?
 *
 * The host fills a list in memory. Reading it in order costs almost nothing.
 */
#ifndef BENCH_SOURCES_BPF_H
#define BENCH_SOURCES_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "frame.h"

/* Set between runs. */
struct source_state source_state;

/* As in a packet, IPv4 in the first element. */
struct source {
	__u32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SOURCES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct source);
} bench_sources SEC(".maps");

static __attribute__((always_inline)) const struct source *next_source(void)
{
	__u32 at = source_state.position++ & source_state.mask;

	return bpf_map_lookup_elem(&bench_sources, &at);
}

#endif
