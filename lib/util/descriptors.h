/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Are there enough file descriptors for what comes next?
 *
 * Ask before anything is changed: a library that runs out of them halfway concludes that the kernel
 * lacks a feature.
 */
#ifndef UTIL_DESCRIPTORS_H
#define UTIL_DESCRIPTORS_H

struct error;

/* Raises the limit of this process to its hard limit. Call once at start. */
void descriptors_raise(void);

/* Can this process open `need` more now? Returns 0, or -EMFILE or -ENFILE with a message. */
int descriptors_check(unsigned int need, struct error *err);

#endif
