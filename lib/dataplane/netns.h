/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network namespaces are there besides this one?
 *
 * The kernel has no list of them. We find those that are mounted somewhere, as by `ip netns add`
 * and container engines, and those that a process is in. One that only an open file keeps is not
 * found.
 */
#ifndef DATAPLANE_NETNS_H
#define DATAPLANE_NETNS_H

struct error;

/* Has room for the path of a namespace, for nsenter --net=FILE. */
#define NETNS_PATH_SIZE 256

/* Enters each of them once, calls visit() there, and comes back. Ends early if visit() does not
 * return 0, and returns what it returned. Otherwise 0, or a negative errno with a message. */
int netns_each(int (*visit)(const char *path, void *data), void *data, struct error *err);

#endif
