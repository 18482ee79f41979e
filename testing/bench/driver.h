/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a frame cost under a program, with one source or with changing ones?
 *
 * The cost is the CPU time of this thread around BPF_PROG_TEST_RUN. With one source, the program
 * runs directly. With changing sources, driver.bpf.c calls it. Each program has its own copy of
 * driver.bpf.c, because both sides of a tail call must have the same type. The sources are the same
 * for all. Failures of the kernel end the program (fail.h).
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <linux/types.h>

struct driver;
struct sources;

/* Makes a driver for the program of this descriptor, which must stay open. `name` is for
 * messages. */
struct driver *driver_new(int program_fd, const char *name, const struct sources *sources);
void driver_free(struct driver *driver);

/* Runs `frames` frames, either all from the first source, or from the first `active` sources (a
 * power of two) in turn. Returns ns per frame; *action is the action of the last one. */
double driver_run_one(struct driver *driver, __u32 frames, __u32 *action);
double driver_run_many(struct driver *driver, __u32 active, __u32 frames, __u32 *action);

/* The action for one frame from source number `at`. */
__u32 driver_action(struct driver *driver, __u32 at);

#endif
