/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is libxdp's dispatcher like, that of the library that runs and those of others?
 *
 * Its format has a version, and libraries with different ones share a soname: a binary that was built
 * with one runs with another. So nothing here is what the headers of the build say.
 */
#ifndef DATAPLANE_DISPATCHER_H
#define DATAPLANE_DISPATCHER_H

#include <linux/types.h>

#define DISPATCHER_PLACES 10

/* What a dispatcher was built for, as its one map begins in versions 2 and 3. Version 3 goes on with
 * whether it is bound to a device. */
struct dispatcher_config {
	__u8 magic;
	__u8 version;
	__u8 program_count;
	__u8 frags;
	__u32 chain_call_actions[DISPATCHER_PLACES];
	__u32 priorities[DISPATCHER_PLACES];
	__u32 program_flags[DISPATCHER_PLACES];
};

/* The newest version with that layout; what comes after it may differ. */
#define DISPATCHER_NEWEST_KNOWN 3

/* The version that the libxdp here makes, which is the only one that it changes; one of an older version it
 * can only take off as a whole. */
unsigned int dispatcher_version_made(void);

#endif
