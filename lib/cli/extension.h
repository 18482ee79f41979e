/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where is a program that is a command of ours, but needs libraries that the others do without?
 */
#ifndef CLI_EXTENSION_H
#define CLI_EXTENSION_H

#include <stddef.h>

struct error;

/* The path of the program: beside the one that runs now, as where both were built, or in
 * LIBEXECDIR. Returns 0, or a negative errno and sets *err: -ENOENT, it is not installed. */
int extension_find(const char *name, char *path, size_t size, struct error *err);

/* Becomes that program, with these arguments. Returns only if that fails, as above. */
int extension_exec(const char *name, char **argv, struct error *err);

#endif
