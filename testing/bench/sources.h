/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do sources get from this side into a BPF program that includes sources.bpf.h?
 *
 * All functions fail loudly (fail.h).
 */
#ifndef BENCH_SOURCES_H
#define BENCH_SOURCES_H

#include <linux/types.h>

#include "frame.h"
#include "workload.h"

struct bpf_object;
struct sources;

/* Makes room for SOURCES sources, which several programs can share. */
struct sources *sources_new(enum family family);
void sources_free(struct sources *sources);
enum family sources_family(const struct sources *sources);

/* The memory to write the sources to, in the layout of workload_sources(). */
__u8 (*sources_bytes(const struct sources *sources))[16];

/* Before loading: makes the object's program read these sources. */
void sources_give(const struct sources *sources, struct bpf_object *object);

/* After loading: which source is next in this object. Release with sources_unmap_state(). */
volatile struct source_state *sources_map_state(const struct bpf_object *object);
void sources_unmap_state(volatile struct source_state *state);

/* Writes a valid UDP frame from the first source, except for the checksums. */
void sources_frame(const struct sources *sources, __u8 frame[FRAME_SIZE]);

#endif
