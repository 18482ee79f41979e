// SPDX-License-Identifier: GPL-2.0
/*
 * What do load and run ask for, and how is it brought onto an interface?
 */
#include "loading.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cli/report.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

#include "incoming.h"
#include "lockout.h"
#include "progress.h"
#include "rule_input.h"

void loading_request_init(struct loading_request *request)
{
	*request = (struct loading_request){
		.attach = {
			.mode = ATTACH_MODE_NATIVE,
			.policy = IPF_PASS,
			.priority = IPF_PRIORITY,
		},
	};
}

void loading_request_done(struct loading_request *request)
{
	option_texts_done(&request->names);
	option_texts_done(&request->files);
	option_texts_done(&request->rules);
}

static int mode_option(enum attach_mode *mode, const struct options *options, struct error *err)
{
	if (!attach_mode_parse(options->value, mode))
		return 0;
	return options_refuse(options, err, "'%s': not a mode; one of native, skb, hw, unspecified",
			      options->value);
}

static int policy_option(enum ipf_verdict *policy, const struct options *options, struct error *err)
{
	if (!strcmp(options->value, "allow")) {
		*policy = IPF_PASS;
	} else if (!strcmp(options->value, "deny")) {
		*policy = IPF_DROP;
	} else {
		return options_refuse(options, err, "'%s': not a policy; allow or deny",
				      options->value);
	}
	return 0;
}

static int counting_option(enum ipf_counting *counting, const struct options *options,
			   struct error *err)
{
	static const char *const names[] = {
		[IPF_COUNT_AUTO] = "auto",
		[IPF_COUNT_ALWAYS] = "always",
		[IPF_COUNT_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(options->value, names[i]) != 0)
			continue;
		*counting = (enum ipf_counting)i;
		return 0;
	}
	return options_refuse(options, err, "'%s': one of auto, always, never", options->value);
}

int loading_option(struct loading_request *request, int id, const struct options *options,
		   struct error *err)
{
	switch (id) {
	case 'm':
		return mode_option(&request->attach.mode, options, err);
	case 'p':
		return policy_option(&request->attach.policy, options, err);
	case 'P':
		return number_option(&request->attach.priority, 0, INT_MAX, options, err);
	case 'i':
		return word_option(&request->rules, options, err);
	case 'f':
		return word_option(&request->files, options, err);
	case LOAD_FORMAT:
		return format_option(&request->format, options, err);
	case LOAD_REQUIRE_DISPATCHER:
		request->attach.require_dispatcher = true;
		return 0;
	case LOAD_TRACE:
		request->attach.trace = true;
		return 0;
	case LOAD_COUNTERS:
		return counting_option(&request->attach.counting, options, err);
	case LOAD_FORCE:
		request->force = true;
		return 0;
	case OPTIONS_POSITIONAL:
		return word_option(&request->names, options, err);
	default:
		return -EINVAL; /* the message is there already */
	}
}

int loading_check(const struct loading_request *request, struct input *input, struct error *err)
{
	int ret;

	*input = (struct input){
		.verdict = request->attach.policy == IPF_PASS ? VERDICT_DROP : VERDICT_PASS,
		.expires = IPF_NEVER,
		.now = tick_now(),
		.format = request->format,
	};
	ret = rule_input_read(input, &request->files, &request->rules, err);
	if (ret)
		return ret;
	if (!request->force)
		ret = lockout_check_input(input, err);
	return ret ? ret : ready(err);
}

/* Each interface gets a copy of the rules: preparing numbers their counters. */
static int fill_rules(const struct loading_request *request, const struct input *input,
		      struct iface *iface, struct error *err)
{
	struct incoming incoming;
	int ret = incoming_init(&incoming, iface, input, request->attach.policy, err);

	if (ret)
		return ret;
	ret = incoming_add(&incoming, NULL, err);
	incoming_done(&incoming);
	ruleset_tidy(&iface->rules, tick_now());
	return ret;
}

static int check_rules(const struct loading_request *request, const struct input *input,
		       const struct iface *iface, struct error *err)
{
	static const struct ruleset nothing;
	const enum ipf_verdict policy = request->attach.policy;

	if (request->force || !lockout_may_refuse(input, &nothing, policy, LOCKOUT_ADDS))
		return 0;
	return lockout_check_rules(&iface->dev, input, &nothing, &iface->rules, policy, err);
}

int loading_prepare(const struct loading_request *request, const struct input *input,
		    struct iface *iface, struct attachment **out, struct error *err)
{
	int ret = fill_rules(request, input, iface, err);

	if (!ret)
		ret = check_rules(request, input, iface, err);
	if (ret)
		return ret;
	progress_rules(iface->dev.name, iface->rules.count);
	ret = attach_prepare(&iface->dev, &request->attach, &iface->rules, out, err);
	progress_erase();
	return ret;
}

void loading_print(const struct iface *iface)
{
	const struct chain *chain = &iface->chain;
	char position[64] = "", rules[NUMBER_COUNT_SIZE];
	struct report report;

	if (chain->state == FILTER_STATE_CHAINED)
		snprintf(position, sizeof(position), ", position %u of %u", chain->position,
			 chain->count);
	report_init(&report, REPORT_TEXT, stdout);
	report_line(&report, "%s: %s (%s%s), %s", iface->dev.name, filter_state_text(chain->state),
		    attach_mode_name(chain->mode), position,
		    number_count(iface->rules.count, "rule", rules));
}
