/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which interfaces does a command work on?
 */
#ifndef CONTROL_IFACE_H
#define CONTROL_IFACE_H

#include <cli/options.h>
#include <dataplane/chain.h>
#include <dataplane/edit.h>
#include <dataplane/filter.h>
#include <dataplane/netdev.h>
#include <dataplane/table.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>
#include <util/error.h>

struct error;

/* How many file descriptors a command takes at most besides those of the filters that it has
 * opened: it makes up to 64 maps at a time. */
#define IFACE_DESCRIPTORS 96

/* The option and the hint of commands that work on some of the interfaces that have the filter. */
#define IFACE_OPTION(request, field_) \
	OPTION_TEXTS('d', "dev", "IFNAME", request, field_, "Only this interface. May be repeated.")
#define IFACE_NO_POSITIONALS OPTION_NO_POSITIONALS("an interface follows --dev")

struct iface {
	struct netdev dev;
	struct chain chain;
	struct filter filter; /* open after ifaces_open(), where the filter is loaded */
	__u32 outdated_id;    /* a filter of an older version that is there; 0: none */
	struct error misread; /* why the open filter finds no source in frames; empty: it does */
	struct ruleset rules; /* that a command changes or loads; released with the iface */
	struct table_snapshot live; /* the table that the rules were read from, likewise */
	__u32 generation; /* of that table; after a transaction, of the one that is live */
	bool is_edited;   /* a change leaves most rules alone, and does not read them: */
	struct edit edit; /* then this is open instead, likewise */
};

/* Zeroed is empty; release with ifaces_done(). The functions below that add to it return 0, or a
 * negative errno and set *err; whatever they added before a failure stays. */
struct ifaces {
	struct iface *items;
	size_t count;
	size_t capacity;
};
void ifaces_done(struct ifaces *ifaces);

/* Finds the interfaces of these names, each once, with the filter or without. Does not read their
 * chains. Fails for an unknown name. */
int ifaces_named(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Finds the interfaces of these names or, without names, all that have the filter or lost it. Reads
 * their chains. */
int ifaces_find(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Makes one iface for each filter of an interface, in the order of the chain. Call it after the
 * chains were read and before the filters are opened. */
int ifaces_split(struct ifaces *ifaces, struct error *err);

/* Opens the filter of each interface that has one, and checks that it reads the frames there. */
int ifaces_open(struct ifaces *ifaces, struct error *err);

/* The same for a command that makes filters of an older version ones of this version: such a filter
 * is opened as by filter_open_older(). After a command that was killed while it did so, both can be
 * there; then that of this version is open. */
int ifaces_open_or_older(struct ifaces *ifaces, struct error *err);

/* Finds and opens interfaces for a command that needs the filter. ERROR_ABSENT where an interface
 * that was named does not have it or, without names, none has. Without names, warns of each that
 * lost it. Refuses an interface with two filters: it is not clear which one is meant. Warns of each
 * filter that finds no source in the frames. */
int ifaces_filtering(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Finds and opens every filter that runs on an interface, for a program that does so again and
 * again: there may be none, and several on one interface. Says nothing of others. */
int ifaces_running(struct ifaces *out, struct error *err);

/* The state of its chain, or FILTER_STATE_NOT_FILTERING where the open filter finds no source in
 * the frames. */
enum filter_state iface_state(const struct iface *iface);

/* The state for people, which tells whether the filter drops or observes. */
const char *iface_state_text(const struct iface *iface);

/* Is it a filter that drops nothing? As it was when the filter was opened. */
bool iface_observes(const struct iface *iface);

/* Is the filter attached but not filtering, or was it turned off? */
bool iface_lost(const struct iface *iface);

/* What happens to a source without a rule: IPF_PASS or IPF_DROP. The filter is open. */
enum ipf_verdict iface_policy(const struct iface *iface);

/* Reads the live rules into iface->rules and iface->live, without those that have ended by `now`.
 * The filter is open. Returns 0, or a negative errno and sets *err. */
int iface_read_rules(struct iface *iface, __u32 now, struct error *err);

/* Opens the live table to change a few rules of it; the iface must stay where it is in memory.
 * Returns 0 with iface->is_edited; -E2BIG without a message if the table can only change as a
 * whole; or another negative errno and sets *err. */
int iface_edit(struct iface *iface, __u32 now, struct error *err);
/* Ends that; what it did to the rules is lost unless they were prepared. */
void iface_edit_done(struct iface *iface);

/* Sets *err to "eth0: not loaded; load it with ...", or what else chain_advice() says:
 * ERROR_FAILURE where the filter is attached but not filtering, else ERROR_ABSENT. Returns
 * -ENOENT. */
int iface_refuse(const struct iface *iface, struct error *err);

/* Does the program of the iface still filter there? Reads the chain anew. Returns 0, or a negative
 * errno and sets *err: ERROR_ABSENT where the program is gone, ERROR_FAILURE where it is there but
 * no longer filters. */
int iface_check(const struct iface *iface, struct error *err);

#endif
