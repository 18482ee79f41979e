/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does the program read the flags that the kernel keeps of a frame (IPF_LENGTH_FLAGS)?
 *
 * By bpf_cast_to_kern_ctx(), of which the verifier makes a plain move. An object that names it
 * cannot be loaded where the kernel lacks it, its own BTF or a JIT compiler. So ours does not name
 * it, and the instructions are put in here.
 */
#ifndef DATAPLANE_FRAME_FLAGS_H
#define DATAPLANE_FRAME_FLAGS_H

#include <stdbool.h>

struct bpf_program;

/* Can programs read them (since 6.2)? Tries it once, by loading a program. */
bool frame_flags_readable(void);

/* Puts the instructions into our program, which is not loaded yet; frame_flags_readable() must be
 * true. Returns 0, or a negative errno; -ENOENT: the program has no place for them. */
int frame_flags_enable(struct bpf_program *program);

#endif
