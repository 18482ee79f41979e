/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do load and run ask for, and how is it brought onto an interface?
 */
#ifndef LOADING_H
#define LOADING_H

#include <dataplane/attach.h>
#include <feed/input.h>
#include <stdbool.h>

#include "common.h"
#include "iface.h"

struct error;

enum {
	LOAD_REQUIRE_DISPATCHER = OPTION_LONG,
	LOAD_TRACE,
	LOAD_COUNTERS,
	LOAD_FORCE,
	LOAD_FORMAT,
	LOAD_OPTIONS_END,
};

/* The options that both have. */
/* clang-format off */
#define LOAD_OPTIONS \
	{ 'm', "mode", "MODE", \
	  "native (the default), skb, hw, or unspecified: native where the driver has it, else skb" }, \
	{ 'p', "policy", "POLICY", \
	  "what happens to a source without a rule: allow (the default) or deny" }, \
	{ 'P', "prio", "PRIORITY", "place in the chain, lower runs earlier (default 5)" }, \
	{ 'i', "ip", "RULE", "a rule to begin with; may be given several times" }, \
	{ 'f', "file", "FILE", "rules to begin with, one a line; - is standard input" }, \
	FORMAT_OPTION(LOAD_FORMAT), \
	{ LOAD_REQUIRE_DISPATCHER, "require-dispatcher", NULL, \
	  "fail rather than run alone, outside a chain" }, \
	{ LOAD_TRACE, "trace", NULL, "log each verdict to the kernel's trace_pipe" }, \
	{ LOAD_COUNTERS, "counters", "WHEN", \
	  "count each rule's packets: auto (up to 65536 rules; the default), always or never" }, \
	{ LOAD_FORCE, "force", NULL, "accept what is likely an accident: rules that drop nearly all" }
/* clang-format on */

struct loading_request {
	struct option_texts names, files, rules;
	const struct format *format;
	struct attach_options attach;
	bool force;
};
void loading_request_init(struct loading_request *request);
void loading_request_done(struct loading_request *request);

/* Reads one option of LOAD_OPTIONS, or an interface. */
int loading_option(struct loading_request *request, int id, const struct options *options,
		   struct error *err);

/* Reads the rules, then checks all that can be checked without looking at the interfaces. Release
 * *input with input_done(), also after a failure. Returns 0, or a negative errno and sets *err. */
int loading_check(const struct loading_request *request, struct input *input, struct error *err);

/* Makes the input the rules of the iface, and prepares the filter for it. The caller holds the
 * lock. Returns as attach_prepare(), or what lockout_check_rules() refuses. */
int loading_prepare(const struct loading_request *request, const struct input *input,
		    struct iface *iface, struct attachment **out, struct error *err);

/* Prints "eth0: filtering, chained (native, position 1 of 2), 3 rules" to stdout. */
void loading_print(const struct iface *iface);

#endif
