/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which kernel is this, and what do its refusals mean?
 *
 * What a kernel has is found out by trying it. Its version only explains a failure, or stands in
 * where there is nothing to try.
 */
#ifndef DATAPLANE_KERNEL_H
#define DATAPLANE_KERNEL_H

#include <stdbool.h>

struct error;

/* False where the kernel does not say its version in numbers. */
bool kernel_is_before(unsigned int major, unsigned int minor);

/* What a negative errno of a BPF call means, in words; as strerror(), and good until the next call. It
 * knows the number that the kernel was not to let out, the limit that hides behind EPERM, and says
 * where the kernel is older than those that are supported. */
const char *kernel_strerror(int code);

/* How many CPUs the kernel may ever have: per-CPU maps hold a value for each. Returns 0, or a negative
 * errno with a message. */
int kernel_cpus(unsigned int *out, struct error *err);

/* The kernel takes BPF memory from the limit of locked memory (before 5.11), and there is one: then that
 * is what -EPERM means. */
bool kernel_limits_memory(void);

/* Does this failure say nothing about what the kernel can do, so that the next try may succeed? */
bool kernel_refusal_passes(int code);

#endif
