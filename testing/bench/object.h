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

/* NAME from beside this program, opened and not yet loaded. */
struct bpf_object *object_open(const char *name);

/* Only this program of the object will be loaded. */
struct bpf_program *object_choose(struct bpf_object *object, const char *name);

/* Before loading: what the constant that fills the object's .rodata from its start is. */
void object_constant(struct bpf_object *object, const void *value, size_t size);

/* File descriptor of a loaded object's map. */
int object_map(struct bpf_object *object, const char *name);

#endif
