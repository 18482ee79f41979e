/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a program made that only returns a verdict?
 *
 * It uses plain system calls. For larger programs, libbpf first probes the kernel, and a probe that
 * fails for another reason would look as if the kernel lacked the feature.
 */
#ifndef DATAPLANE_STUB_H
#define DATAPLANE_STUB_H

#include <linux/bpf.h>

struct stub {
	const char *name;
	enum bpf_prog_type type; /* BPF_PROG_TYPE_XDP or BPF_PROG_TYPE_EXT */
	int verdict;
	int target;          /* BPF_PROG_TYPE_EXT: the program that it extends, */
	int target_function; /* and which function of that program's BTF it replaces */
};

/* Loads `int NAME(struct xdp_md *ctx)`. Returns a descriptor or a negative errno; *function (may be
 * NULL) receives its id in its own BTF. */
int stub_load(const struct stub *stub, int *function);

#endif
