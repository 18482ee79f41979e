/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do the BPF objects of the bench come from?
 *
 * All functions fail loudly (fail.h).
 */
#ifndef BENCH_OBJECT_H
#define BENCH_OBJECT_H

#include <stddef.h>

struct bpf_object;
struct bpf_program;

/* Opens, but does not load, the object NAME in the folder of this program. */
struct bpf_object *object_open(const char *name);

/* Makes this program the only one of the object that will be loaded. */
struct bpf_program *object_choose(struct bpf_object *object, const char *name);

/* Before loading: sets the constant at the start of the object's .rodata. */
void object_constant(struct bpf_object *object, const void *value, size_t size);

/* The file descriptor of a loaded object's map. */
int object_map(struct bpf_object *object, const char *name);

#endif
