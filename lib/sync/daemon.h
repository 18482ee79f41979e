/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When does sync do what, and what ends it?
 *
 * One thread, one loop: signals, changes of interfaces, what sources say, a tick each second and
 * systemd's watchdog.
 */
#ifndef SYNC_DAEMON_H
#define SYNC_DAEMON_H

#include <stdbool.h>
#include <sync/config.h>

struct error;

struct daemon_request {
	struct config config; /* the caller's; SIGHUP replaces it */
	/* Reads the configuration again. Returns 0, or a negative errno and sets *err. */
	int (*read_config)(void *context, struct config *out, struct error *err);
	void *context;
	const char *cache; /* the folder of the copies */
	bool once;         /* one round, then end */
};

/* Follows the sources and keeps the interfaces until SIGINT, SIGTERM or SIGQUIT comes: rules and
 * filters stay then. Returns 0, or a negative errno and sets *err: another sync runs, or, with
 * `once`, something could not be done. */
int daemon_run(struct daemon_request *request, struct error *err);

#endif
