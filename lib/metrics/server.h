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

struct error;

/* Answers clients of this socket, which stays the caller's, with what comes by this end of a
 * channel, until that fails. Returns a negative errno and sets *err. */
int server_run(int listener, int channel, struct error *err);

#endif
