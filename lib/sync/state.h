/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does sync tell others about its sources?
 *
 * A file of JSON in /run/xdp-ipfilter (instance.h), which is written and renamed, so that a reader
 * never meets half of one:
 *
 *	{"schema":1, "pid":N, "error",
 *	 "sources":[{"set","from","state","updated","rules","failures","error"}],
 *	 "interfaces":[{"ifname","state","error"}]}
 *
 * `state` of a source is starting, fresh, held or failing; `updated` is when the source last
 * answered, in seconds since 1970, or null; `failures` is how often it could not be read since sync
 * began to follow it; `error` is null where there is none.
 * There are no secrets in it.
 */
#ifndef SYNC_STATE_H
#define SYNC_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/* Texts that are NULL are null. */
struct state_source {
	const char *set, *from, *state, *error;
	int64_t updated; /* 0: never */
	uint64_t rules, failures;
};

struct state_interface {
	const char *ifname, *state, *error;
};

struct state {
	pid_t pid;
	const char *error; /* what keeps rules from becoming live */
	const struct state_source *sources;
	size_t source_count;
	const struct state_interface *interfaces;
	size_t interface_count;
	void *owner; /* of the texts and arrays of a state that was read */
};

/* Writes it as this process's. *written is what was written last, at first NULL, which the caller
 * frees: the same again is not written. Returns 0, or a negative errno and sets *err. */
int state_write(const struct state *state, char **written, struct error *err);

/* Takes the file away: sync ends. */
void state_remove(void);

/* Reads what the sync that runs in this network namespace has written. Nothing runs: 0, with an
 * empty *out. Returns 0, or a negative errno and sets *err. Release with state_done(). */
int state_read(struct state *out, struct error *err);
void state_done(struct state *state);

#endif
