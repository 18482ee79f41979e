/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does the embedded object become a program?
 */
#ifndef DATAPLANE_PROGRAM_H
#define DATAPLANE_PROGRAM_H

#include <ipfilter/abi.h>

struct bpf_object;
struct error;

/* Opens the embedded object with this configuration in place; with `maps` (an object that is
 * loaded already) it uses that one's maps instead of making its own. The configuration's
 * frame_length_helper is set by what the kernel has. On success bpf_object__close() it. */
int program_open(const struct ipf_config *config, struct bpf_object *maps, struct bpf_object **out,
		 struct error *err);

/* Adds the words to -EPERM where a program or its maps are made, and returns it. */
int program_not_permitted(struct error *err);

/* Can the kernel put a component into a dispatcher, and tell afterwards that it is there? Tries it with two
 * programs that do nothing. Returns 0, the kernel's reason, or -ENODATA where it takes the component and does
 * not tell (before 5.13). */
int program_probe_extension(void);

/* The kernel copes with frames of several buffers (5.18). */
int program_kernel_has_frags(void);

#endif
