/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a program made that does nothing but return a verdict?
 *
 * By the system calls alone: what libbpf finds out about the kernel for larger programs can go wrong on
 * its way, and then looks as if the kernel lacked it.
 */
#ifndef DATAPLANE_STUB_H
#define DATAPLANE_STUB_H

#include <linux/bpf.h>

struct stub {
	const char *name;
	enum bpf_prog_type type; /* BPF_PROG_TYPE_XDP or BPF_PROG_TYPE_EXT */
	int verdict;
	int target;          /* BPF_PROG_TYPE_EXT: the program that it extends, */
	int target_function; /* and which function of its BTF it replaces */
};

/* int NAME(struct xdp_md *ctx). Returns its descriptor or what the kernel says; *function, where not NULL,
 * is it in its own BTF. */
int stub_load(const struct stub *stub, int *function);

#endif
