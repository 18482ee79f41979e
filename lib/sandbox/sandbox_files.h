/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which files can a program in the sandbox reach?
 */
#ifndef SANDBOX_SANDBOX_FILES_H
#define SANDBOX_SANDBOX_FILES_H

#include <sandbox/sandbox.h>

/* From now on, a program that asks reads only what libraries need to look up names and to check
 * certificates; one that answers reads nothing. It writes, makes and removes nothing; what is open
 * already stays so. By Landlock, where the kernel
 * has it (5.13 or later); elsewhere, only the rights of the user nobody limit it. Needs
 * no_new_privs. Returns 0, or a negative errno and sets *err. */
int sandbox_files_limit(enum sandbox_use use, struct error *err);

#endif
