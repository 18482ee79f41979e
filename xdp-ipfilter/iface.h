/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which interfaces does a command work on?
 */
#ifndef IFACE_H
#define IFACE_H

#include <cli/command.h>
#include <dataplane/chain.h>
#include <dataplane/filter.h>
#include <dataplane/netdev.h>
#include <dataplane/table.h>
#include <ruleset/ruleset.h>
#include <stdbool.h>
#include <stddef.h>
#include <util/error.h>

#include "common.h"

struct error;

/* File descriptors that a command takes at most besides those of the filters that it has opened: it makes
 * up to 64 maps at a time. */
#define IFACE_DESCRIPTORS 96

struct iface {
	struct netdev dev;
	struct chain chain;
	struct filter filter;       /* open where it is loaded and ifaces_open() was called */
	struct ruleset rules;       /* whoever reads them; freed with the iface */
	struct table_snapshot live; /* the table they were read from, likewise */
	struct error misread; /* why its open filter finds no source in frames; empty: it does */
};

/* Zeroed is empty; the owner calls ifaces_done(). */
struct ifaces {
	struct iface *items;
	size_t count;
	size_t capacity;
};
void ifaces_done(struct ifaces *ifaces);

/* The interfaces of these names, each once, whether loaded or not; an unknown one fails. */
int ifaces_named(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Reads the chain of each. */
int ifaces_read(struct ifaces *ifaces, struct error *err);

/* All interfaces that have the filter, or that lost it: attached but not filtering, or turned off by
 * somebody. Chains are read. */
int ifaces_loaded(struct ifaces *out, struct error *err);

/* The interfaces of these names, or without names what ifaces_loaded() finds. Chains are read. */
int ifaces_find(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Makes of an interface with several filters as many ifaces, one behind the other, each with its filter's
 * place in the chain. To be called before they are opened. */
int ifaces_split(struct ifaces *ifaces, struct error *err);

/* Opens the filter of each that has one. */
int ifaces_open(struct ifaces *ifaces, struct error *err);

/* What is to be told of the iface: that of its chain, or FILTER_STATE_NOT_FILTERING where its filter, open by
 * now, finds no source in the frames. */
enum filter_state iface_state(const struct iface *iface);

/* For commands that need the filter: on the interfaces named, or without names on all that have
 * it. ERROR_ABSENT where one named, or every one, has not. An interface with two filters is refused: nobody
 * can tell which one is meant. Filters are open. A warning names those that find no source in the frames. */
int ifaces_filtering(const struct option_texts *names, struct ifaces *out, struct error *err);

/* Does the filter not run there, though it should? */
bool iface_lost(const struct iface *iface);

/* "eth0: not loaded; load it with ...", or what else chain_advice() says: ERROR_FAILURE where it is
 * attached but not filtering, else ERROR_ABSENT. */
int refuse_not_filtering(const struct iface *iface, struct error *err);

/* Is the iface's program still the one in the chain? Reads it again. ERROR_ABSENT where it was
 * unloaded, ERROR_FAILURE where it is there and filters no more. */
int iface_check(const struct iface *iface, struct error *err);

#endif
