/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is that process still at work?
 *
 * A ticket is a small BPF map that nobody but its maker has open. The kernel removes it when the maker
 * closes it or dies, SIGKILL included. It is found by its id from every mount, PID and network
 * namespace, and only root can make one or look at it (its type takes CAP_BPF, which keeps other users
 * from holding root up). Ids rise, so they also tell who came first; after 2^31 maps they start again.
 */
#ifndef DATAPLANE_TICKET_H
#define DATAPLANE_TICKET_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Makes a ticket of that name (15 bytes at most). Returns the descriptor that holds it, or a
 * negative errno. */
int ticket_make(const char *name, __u32 *id);

/* Is there a ticket of that id and name? True also where the kernel does not say (out of memory or
 * descriptors): what may be at work counts as at work. */
bool ticket_is_held(__u32 id, const char *name);

/* The lowest ticket of that name above `after` and below `before`; 0: there is none. Returns 0 or a
 * negative errno. */
int ticket_next(const char *name, __u32 after, __u32 before, __u32 *id);

/* What can be said of the maker: "process 4711 (xdp-ipfilter)" where it is of our PID namespace. */
#define TICKET_HOLDER_SIZE 128
void ticket_holder(__u32 id, char text[TICKET_HOLDER_SIZE]);

#endif
