/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How do load, run and repair prepare a filter with its first rules?
 */
#ifndef CONTROL_LOADING_H
#define CONTROL_LOADING_H

#include <cli/options.h>
#include <control/iface.h>
#include <control/rule_input.h>
#include <dataplane/attach.h>
#include <feed/input.h>
#include <limits.h>
#include <stdbool.h>

struct error;

struct loading_request {
	struct option_texts names, rules;
	struct rule_input_files files;
	struct attach_options attach;
	bool force;
};

#define LOADING_DEFAULTS                            \
	{                                           \
		.attach = {                         \
			.mode = ATTACH_MODE_NATIVE, \
			.policy = IPF_PASS,         \
			.priority = IPF_PRIORITY,   \
		},                                  \
	}

/* The names of values, for options. */
const char *loading_mode(unsigned int mode);         /* enum attach_mode */
const char *loading_policy(unsigned int policy);     /* enum ipf_verdict: allow, deny */
const char *loading_counting(unsigned int counting); /* enum ipf_counting */

/* The options of load and run, whose requests have a struct loading_request in this field. */
/* clang-format off */
#define LOADING_OPTIONS(request, field_)                                                            \
	OPTION_ENUM('m', "mode", "MODE", request, field_.attach.mode, loading_mode,                 \
		    "How to attach; unspecified is native where the driver has it, else skb."),    \
	OPTION_ENUM('p', "policy", "POLICY", request, field_.attach.policy, loading_policy,         \
		    "What happens to a source without a rule."),                                    \
	OPTION_NUMBER('P', "prio", "PRIORITY", request, field_.attach.priority, 0, INT_MAX,         \
		      "Priority in the chain; lower runs earlier."),                                \
	OPTION_TEXTS('i', "ip", "RULE", request, field_.rules,                                      \
		     "A rule to start with. May be repeated."),                                     \
	RULE_INPUT_FILE_OPTION(request, field_.files),                                              \
	RULE_INPUT_FORMAT_OPTIONS(request, field_.files),                                           \
	OPTION_FLAG(0, "require-dispatcher", request, field_.attach.require_dispatcher,             \
		    "Fail instead of running single, outside a chain."),                                \
	OPTION_FLAG(0, "trace", request, field_.attach.trace,                                       \
		    "Log each verdict to the kernel's trace_pipe."),                                \
	OPTION_FLAG(0, "observe", request, field_.attach.observe,                                   \
		    "Drop nothing; only count what would be dropped."),                            \
	OPTION_ENUM(0, "counters", "WHEN", request, field_.attach.counting, loading_counting,       \
		    "Count the packets of each rule; auto does up to 65536 rules."),                \
	OPTION_FLAG(0, "force", request, field_.force,                                              \
		    "Accept a likely accident: rules that drop nearly all sources."),               \
	OPTION_POSITIONALS("IFNAME", request, field_.names)
/* clang-format on */

/* Reads the rules, then checks what can be checked without looking at the interfaces. Release
 * *input with input_done(), also after a failure. Returns 0, or a negative errno and sets *err. */
int loading_read(const struct loading_request *request, struct input *input, struct error *err);

/* Makes the input the rules of the iface, and prepares the filter for it. The caller holds the
 * lock. Returns what attach_prepare() or lockout_check_rules() returns. */
int loading_prepare(const struct loading_request *request, const struct input *input,
		    struct iface *iface, struct attachment **out, struct error *err);

/* Prints "eth0: filtering, chained (native, position 1 of 2), 3 rules" to stdout. Warns if the
 * filter drops nothing. */
void loading_print(const struct iface *iface);

#endif
