/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does the embedded object become a program?
 */
#ifndef DATAPLANE_PROGRAM_H
#define DATAPLANE_PROGRAM_H

#include <ipfilter/abi.h>

struct bpf_object;
struct error;

/* Opens the embedded object with this configuration; what the kernel has decides the field
 * frame_length. If `maps` (an object that is already loaded) is given, the new object uses its maps
 * instead of making its own. Returns 0, or a negative errno with a message. On success release
 * *out with bpf_object__close(). */
int program_open(const struct ipf_config *config, struct bpf_object *maps, struct bpf_object **out,
		 struct error *err);

/* Sets the message for a program, or its maps, that the kernel refuses because a capability is
 * missing (capability_explains()). Returns -EPERM. */
int program_not_permitted(struct error *err);

#endif
