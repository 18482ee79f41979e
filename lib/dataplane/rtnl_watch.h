/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does an interface of this network namespace change?
 */
#ifndef DATAPLANE_RTNL_WATCH_H
#define DATAPLANE_RTNL_WATCH_H

struct error;

/* Returns a descriptor, which the caller closes, or a negative errno and sets *err. It becomes
 * readable when an interface appears, goes, moves here, or is changed: its name, its state, its XDP
 * program. Not every way to change that program tells. */
int rtnl_watch_open(struct error *err);

/* An interface was deleted. It did not only move to another network namespace. */
typedef void (*rtnl_watch_deleted)(void *context, unsigned int ifindex);

/* Reads what has come, without waiting, and calls back for each interface that was deleted. What
 * else there is may be lost, and so may be that: ask the kernel again. */
void rtnl_watch_drain(int fd, rtnl_watch_deleted deleted, void *context);

#endif
