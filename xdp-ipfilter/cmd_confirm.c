// SPDX-License-Identifier: GPL-2.0
/*
 * confirm: how is a change kept that would be undone by itself, or undone at once?
 */
#include "cmd.h"

#include <cli/report.h>
#include <control/pending.h>
#include <util/error.h>

struct confirm_request {
	bool revert;
};

static const struct option_spec confirm_options[] = {
	OPTION_FLAG(0, "revert", struct confirm_request, revert, "Undo the change now."),
	OPTION_NO_POSITIONALS("there is only one change to confirm"),
	OPTION_END,
};

static int confirm(void *data, struct error *err)
{
	const struct confirm_request *request = data;
	struct pending pending;
	struct report report;
	int ret = pending_answer(request->revert ? PENDING_REVERT : PENDING_CONFIRM, &pending, err);

	if (ret)
		return ret;
	report_init(&report, REPORT_TEXT, stdout);
	report_line(&report, "%s: %s %s", pending.interfaces, pending.command,
		    request->revert ? "undone" : "confirmed");
	ret = report_finish(&report, err);
	return ret < 0 ? ret : 0;
}

const struct command cmd_confirm = {
	.name = "confirm",
	.summary = "keep a change that was made with --confirm, or undo it now",
	.usage = "[OPTION]...",
	.examples = "  xdp-ipfilter replace --confirm 2m -f rules.txt && xdp-ipfilter confirm\n"
		    "  xdp-ipfilter confirm --revert\n",
	.exit_codes = "  3  no change waits to be confirmed\n",
	.options = confirm_options,
	.request_size = sizeof(struct confirm_request),
	.run = confirm,
};
