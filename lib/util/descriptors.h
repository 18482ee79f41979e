/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Are there file descriptors enough for what comes next?
 *
 * Asked before anything is changed: libraries that run out of them in the middle take that for something
 * that the kernel cannot do.
 */
#ifndef UTIL_DESCRIPTORS_H
#define UTIL_DESCRIPTORS_H

struct error;

/* Lets this process have as many as its hard limit says. Call once at start. */
void descriptors_raise(void);

/* Can this process open so many more now? -EMFILE or -ENFILE with the words. */
int descriptors_check(unsigned int need, struct error *err);

#endif
