/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which files can a source program reach?
 */
#ifndef SOURCE_SANDBOX_FILES_H
#define SOURCE_SANDBOX_FILES_H

struct error;

/* From now on it reads only what libraries need to look up names and to check certificates, and it
 * writes, makes and removes nothing; what is open already stays so. By Landlock, where the kernel
 * has it (5.13 or later); elsewhere, only the rights of the user nobody limit it. Needs
 * no_new_privs. Returns 0, or a negative errno and sets *err. */
int sandbox_files_limit(struct error *err);

#endif
