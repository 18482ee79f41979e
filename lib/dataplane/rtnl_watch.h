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

/* Reads what has come, without waiting. What it was does not matter, because some of it may be
 * lost: ask the kernel again. */
void rtnl_watch_drain(int fd);

#endif
