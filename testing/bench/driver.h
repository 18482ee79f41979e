/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a frame cost under a program, with one source or with changing ones?
 *
 * CPU time of this thread around BPF_PROG_TEST_RUN. With one source the program is run as it is.
 * With changing ones it is called by driver.bpf.c, of which each program has its own copy, because
 * a tail call must look alike on both sides; the sources are the same for all. Failures of the
 * kernel end the program (fail.h).
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <linux/types.h>

struct driver;
struct sources;

/* For the program behind the descriptor, which must stay open. `name` is for messages. */
struct driver *driver_new(int program_fd, const char *name, const struct sources *sources);
void driver_free(struct driver *driver);

/* Runs `frames` frames: from the first source again and again; or from the first `active` ones (a
 * power of two) in turn. Returns ns a frame; *action is what the last one got. */
double driver_run_one(struct driver *driver, __u32 frames, __u32 *action);
double driver_run_many(struct driver *driver, __u32 active, __u32 frames, __u32 *action);

/* What one frame from source number `at` gets. */
__u32 driver_action(struct driver *driver, __u32 at);

#endif
