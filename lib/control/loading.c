// SPDX-License-Identifier: GPL-2.0
/*
 * How do load, run and repair prepare a filter with its first rules?
 */
#include <control/loading.h>

#include <errno.h>

#include <cli/report.h>
#include <control/incoming.h>
#include <control/lockout.h>
#include <control/progress.h>
#include <control/rule_input.h>
#include <feed/input.h>
#include <ruleset/tick.h>
#include <ruleset/verdict.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/log.h>
#include <util/number.h>
#include <util/program.h>

const char *loading_mode(unsigned int mode)
{
	return mode <= ATTACH_MODE_HW ? attach_mode_name((enum attach_mode)mode) : NULL;
}

const char *loading_policy(unsigned int policy)
{
	static const char *const names[] = { [IPF_PASS] = "allow", [IPF_DROP] = "deny" };

	return policy <= IPF_DROP ? names[policy] : NULL;
}

const char *loading_counting(unsigned int counting)
{
	static const char *const names[] = {
		[IPF_COUNT_AUTO] = "auto",
		[IPF_COUNT_ALWAYS] = "always",
		[IPF_COUNT_NEVER] = "never",
	};

	return counting <= IPF_COUNT_NEVER ? names[counting] : NULL;
}

int loading_read(const struct loading_request *request, struct input *input, struct error *err)
{
	int ret;

	input_start(input);
	input->verdict = request->attach.policy == IPF_PASS ? VERDICT_DROP : VERDICT_PASS;
	ret = rule_input_read(input, &request->files, &request->rules, err);
	return ret || request->force ? ret : lockout_check_input(input, err);
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
	iface->filter.enforcement = request->attach.observe ? ENFORCEMENT_OFF : ENFORCEMENT_ON;
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
	report_line(&report, "%s: %s (%s%s), %s", iface->dev.name, iface_state_text(iface),
		    attach_mode_name(chain->mode), position,
		    number_count(iface->rules.count, "rule", rules));
	if (iface_observes(iface))
		log_warning("%s: it drops nothing, and only counts what it would drop; '" PROGRAM_NAME
			    " enforce on -d %s' makes it drop",
			    iface->dev.name, iface->dev.name);
}
