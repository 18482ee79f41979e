/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How is a page served by HTTP?
 *
 * One thread answers all clients, and never waits for one of them. There are 16 connections at a
 * time, each for one request; more clients wait until one ends. A connection ends when nothing
 * comes for 10 seconds, or after 30 seconds in all.
 */
#ifndef METRICS_SERVER_H
#define METRICS_SERVER_H

#include <stdio.h>

struct error;

enum server_page {
	SERVER_PROMETHEUS,  /* /metrics */
	SERVER_OPENMETRICS, /* the same for a client that prefers it */
	SERVER_PEOPLE,      /* / */
};

/* Writes a page. Returns 0, or a negative errno and sets *err: then the client is told. */
typedef int (*server_write)(void *context, enum server_page page, FILE *out, struct error *err);

/* Can this build serve? Returns 0, or -ENOTSUP and sets *err to say what is missing. */
int server_check(struct error *err);

/* Answers clients of this socket, which stays the caller's, until a signal ends it. Says so to
 * systemd. Returns 0, or a negative errno and sets *err. */
int server_run(int listener, server_write write, void *context, struct error *err);

#endif
