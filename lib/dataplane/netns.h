/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which network namespaces are there besides this one?
 *
 * The kernel has no list of them. Known are those that are mounted somewhere, as `ip netns add` and container
 * engines do it, and those that a process is in; what only an open file keeps is not found.
 */
#ifndef DATAPLANE_NETNS_H
#define DATAPLANE_NETNS_H

struct error;

/* The file that stands for a namespace, for nsenter --net=FILE. */
#define NETNS_PATH_SIZE 256

/* Enters each of them, calls visit() and comes back; each once. Ends early when visit() returns something
 * else than 0, and returns that. */
int netns_each(int (*visit)(const char *path, void *data), void *data, struct error *err);

#endif
