// SPDX-License-Identifier: GPL-2.0
/*
 * metrics: what do the filters and sync tell Prometheus?
 *
 * The command of xdp-ipfilter that is scraped, in a program of its own.
 */
#include <control/tool.h>
#include <dataplane/capability.h>
#include <metrics/facts.h>
#include <metrics/families.h>
#include <metrics/textfile.h>
#include <util/error.h>

struct metrics_request {
	const char *output;
};

static const struct option_spec metrics_options[] = {
	OPTION_TEXT('o', "output", "FILE", struct metrics_request, output,
		    "Replace FILE as a whole, for the textfile collector."),
	OPTION_NO_POSITIONALS("it shows all interfaces"),
	OPTION_END,
};

static void write_to(const struct facts *facts, FILE *out)
{
	families_write(facts, XDP_IPFILTER_VERSION, OPENMETRICS_PROMETHEUS, out);
}

static int replace_file(const struct facts *facts, const char *path, struct error *err)
{
	struct textfile textfile;
	int ret = textfile_begin(path, &textfile, err);

	if (ret)
		return ret;
	write_to(facts, textfile.file);
	return textfile_finish(&textfile, err);
}

static int metrics(void *data, struct error *err)
{
	const struct metrics_request *request = data;
	struct facts facts;
	int ret = facts_read(&facts, err);

	if (ret)
		return ret;
	if (request->output)
		ret = replace_file(&facts, request->output, err);
	else
		write_to(&facts, stdout);
	facts_done(&facts);
	return ret;
}

static const struct command metrics_command = {
	.name = "metrics",
	.summary = "print counters and states for Prometheus",
	.usage = "[OPTION]...",
	.notes =
		"Prints what every interface with the filter has counted, and how the sources of sync are.\n",
	.examples =
		"  xdp-ipfilter metrics\n"
		"  xdp-ipfilter metrics -o /var/lib/prometheus/node-exporter/xdp-ipfilter.prom\n",
	.options = metrics_options,
	.request_size = sizeof(struct metrics_request),
	.needs = CAPABILITY_BPF | TOOL_NEEDS_CLOCK,
	.run = metrics,
};

static const struct command *const commands[] = { &metrics_command, NULL };

static const struct command_table table = {
	.version = XDP_IPFILTER_VERSION,
	.summary = "Tells Prometheus about the filters of xdp-ipfilter.",
	.commands = commands,
	TOOL_STEPS,
};

int main(int argc, char **argv)
{
	return tool_main(&table, argc, argv);
}
