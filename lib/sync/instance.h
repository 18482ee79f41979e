/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which process is sync in this network namespace?
 *
 * Two of them would undo each other's changes. A lock file in /run/xdp-ipfilter, one for each
 * network namespace, is held by the one that runs; the kernel gives it free when that ends, however
 * it ends.
 */
#ifndef SYNC_INSTANCE_H
#define SYNC_INSTANCE_H

#include <stddef.h>
#include <sys/types.h>

struct error;

#define INSTANCE_FOLDER "/run/xdp-ipfilter"

/* The name of a file of sync's in that folder: sync.SUFFIX, or sync-NUMBER.SUFFIX in another
 * network namespace than the machine's first. */
#define INSTANCE_PATH_SIZE 64
void instance_path(const char *suffix, char path[INSTANCE_PATH_SIZE]);

/* Becomes that process. Returns a descriptor that stays open until it ends, or a negative errno and
 * sets *err: -EEXIST and the other's number where there is one. Makes the folder. Call it once: a
 * process that opens the file again, and closes it, gives the lock up. */
int instance_take(struct error *err);

/* The process that runs; 0: none does. */
#define INSTANCE_HIDDEN (-1) /* one does, in a PID namespace that is not seen from here */
pid_t instance_find(void);

#endif
