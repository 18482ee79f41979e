/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which kernel is this, what can it do, and what do its refusals mean?
 *
 * What a kernel can do is found out by trying it. Its version only explains a failure, or decides
 * where there is nothing to try.
 */
#ifndef DATAPLANE_KERNEL_H
#define DATAPLANE_KERNEL_H

#include <stdbool.h>

struct error;

/* Returns false if the kernel's version is not a number. */
bool kernel_is_before(unsigned int major, unsigned int minor);

/* How many CPUs the kernel may ever have: a per-CPU map has a value for each. Returns 0, or a
 * negative errno with a message. */
int kernel_cpus(unsigned int *out, struct error *err);

/* Can XDP programs take multi-buffer frames (since 5.18)? Tries it once, by loading a program. */
bool kernel_has_multi_buffer(void);

/* Can the kernel put a component into a dispatcher, and report afterwards that it is there? Tries
 * it with two programs that do nothing. Returns 0, the kernel's negative errno, or -ENODATA if it
 * takes the component but does not report it (before 5.13). */
int kernel_probe_extension(void);

/* What a negative errno of a BPF call means. Like strerror(), but it also knows the internal number
 * that the kernel lets out and the limit that can cause EPERM, and it says if the kernel is older
 * than the oldest supported one. Valid until the next call. */
const char *kernel_strerror(int code);

/* Does the kernel count BPF memory against the limit of locked memory (before 5.11), and is there
 * such a limit? Then that is what -EPERM means. */
bool kernel_limits_memory(void);

/* Does this failure say nothing about what the kernel can do, so that the next try may succeed? */
bool kernel_refusal_passes(int code);

#endif
