/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does the user want of top?
 *
 * Two programs are that command: xdp-ipfilter prints text, xdp-ipfilter-top draws on the screen.
 */
#ifndef TOP_REQUEST_H
#define TOP_REQUEST_H

#include <cli/command.h>
#include <control/iface.h>
#include <control/ranking.h>
#include <control/rounds.h>
#include <control/tool.h>
#include <dataplane/capability.h>
#include <stdbool.h>

struct error;

struct top_request {
	struct option_texts names;
	enum ranking_only only;
	struct rounds rounds;
	unsigned int sample;
	const char *by;
	bool batch, json, rules;
	struct ifaces ifaces;
};

/* What the two say alike in the row of their command. */
#define TOP_REQUEST_ROW                                                                    \
	.name = "top", .summary = TOP_REQUEST_SUMMARY, .usage = "[OPTION]... [IFNAME]...", \
	.notes = top_request_notes, .examples = top_request_examples,                      \
	.exit_codes = top_request_exit_codes, .options = top_request_options,              \
	.request_size = sizeof(struct top_request), .defaults = &top_request_defaults,     \
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK, .run = top_request_find_ifaces,        \
	.done = top_request_done
#define TOP_REQUEST_SUMMARY "show the sources that send the most packets"

extern const char top_request_notes[];
extern const char top_request_examples[];
extern const char top_request_exit_codes[];
extern const struct option_spec top_request_options[];
extern const struct top_request top_request_defaults;

/* Is the answer text, and not the screen? So it is where there is no terminal. */
bool top_request_is_text(const struct top_request *request);
struct ranking_wish top_request_wish(const struct top_request *request);

/* Steps of the command. */
int top_request_find_ifaces(void *request, struct error *err);
void top_request_done(void *request);

#endif
