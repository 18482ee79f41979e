/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is that process still at work?
 *
 * A ticket is a small BPF map that only its maker has open. The kernel removes it when the maker
 * closes it or dies, also by SIGKILL. It is found by its id from every mount, PID and network
 * namespace, and only root can make one or look at it: its type needs CAP_BPF, so that other users
 * cannot hold root up. Ids rise, so they also tell which came first; after 2^31 maps they start
 * again.
 */
#ifndef DATAPLANE_TICKET_H
#define DATAPLANE_TICKET_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Makes a ticket of that name (at most 15 bytes). Returns the descriptor that holds it, or a
 * negative errno. */
int ticket_make(const char *name, __u32 *id);

/* Is there a ticket of that id and name? True also where that cannot be found out (no memory, no
 * descriptors): a process that may be at work counts as at work. */
bool ticket_is_held(__u32 id, const char *name);

/* Finds the lowest ticket of that name whose id is above `after` and below `before`; *id is 0 if
 * there is none. Looks at every BPF map of the system with an id between them, four system calls
 * each: the kernel has no other way to find one. Returns 0 or a negative errno. */
int ticket_next(const char *name, __u32 after, __u32 before, __u32 *id);

/* Writes what can be said of the maker: "process 4711 (xdp-ipfilter)" if it is in our PID
 * namespace. */
#define TICKET_HOLDER_SIZE 128
void ticket_holder(__u32 id, char text[TICKET_HOLDER_SIZE]);

#endif
