// SPDX-License-Identifier: GPL-2.0
/*
 * metrics: what do the filters and sync tell Prometheus, and people?
 *
 * The command of xdp-ipfilter that is scraped, in a program of its own.
 */
#include <unistd.h>

#include <control/tool.h>
#include <dataplane/capability.h>
#include <metrics/facts.h>
#include <metrics/families.h>
#include <metrics/heaviest.h>
#include <metrics/listener.h>
#include <metrics/page.h>
#include <metrics/serving.h>
#include <metrics/textfile.h>
#include <util/error.h>

struct metrics_request {
	const char *output;
	const char *listen;
	int listener;          /* the socket that clients are waited for on */
	struct page_past past; /* what people were shown last */
	struct facts_memory memory;
	struct heaviest heaviest;
};

static const struct metrics_request metrics_defaults = { .listener = -1,
							 .heaviest = { .timer = -1 } };

static const struct option_spec metrics_options[] = {
	OPTION_TEXT('o', "output", "FILE", struct metrics_request, output,
		    "Replace FILE as a whole, for the textfile collector."),
	OPTION_TEXT(0, "listen", "PLACE", struct metrics_request, listen,
		    "Serve /metrics, and / for people, at ADDRESS:PORT, :PORT or systemd."),
	OPTION_NO_POSITIONALS("it shows all interfaces"),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct metrics_request *request = data;

	return request->output && request->listen ? "--output and --listen exclude each other" :
						    NULL;
}

/* Only a server starts a program, which needs more. */
static int open_listener(void *data, struct error *err)
{
	struct metrics_request *request = data;
	int ret;

	if (!request->listen)
		return capability_limit(CAPABILITY_BPF, err);
	ret = serving_check(err);
	if (!ret)
		ret = request->listener = listener_open(request->listen, err);
	return ret < 0 ? ret : 0;
}

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

static int write_page(void *context, enum channel_word page, FILE *out, struct error *err)
{
	struct metrics_request *request = context;
	struct facts facts;
	int ret = facts_read(&facts, &request->memory, err);

	if (ret)
		return ret;
	if (page == CHANNEL_PEOPLE) {
		heaviest_ask(&request->heaviest, &facts.ifaces);
		page_write(&facts, &request->heaviest, &request->past, out);
	} else {
		families_write(&facts, XDP_IPFILTER_VERSION,
			       page == CHANNEL_OPENMETRICS ? OPENMETRICS_1_0 :
							     OPENMETRICS_PROMETHEUS,
			       out);
	}
	facts_done(&facts);
	return 0;
}

static int read_heaviest(void *context, struct error *err)
{
	struct metrics_request *request = context;

	(void)err;
	heaviest_read(&request->heaviest);
	return 0;
}

static int serve(struct metrics_request *request, struct error *err)
{
	struct serving_pages pages = { .write = write_page,
				       .read = read_heaviest,
				       .context = request };
	int ret = heaviest_init(&request->heaviest, err);

	pages.fd = request->heaviest.timer;
	return ret ? ret : serving_run(request->listener, &pages, err);
}

static int metrics(void *data, struct error *err)
{
	struct metrics_request *request = data;
	struct facts facts;
	int ret;

	if (request->listen)
		return serve(request, err);
	ret = facts_read(&facts, &request->memory, err);
	if (ret)
		return ret;
	if (request->output)
		ret = replace_file(&facts, request->output, err);
	else
		write_to(&facts, stdout);
	facts_done(&facts);
	return ret;
}

static void metrics_done(void *data)
{
	struct metrics_request *request = data;

	heaviest_done(&request->heaviest);
	page_past_done(&request->past);
	facts_memory_done(&request->memory);
	if (request->listener >= 0)
		close(request->listener);
}

static const struct command metrics_command = {
	.name = "metrics",
	.summary = "tell Prometheus counters and states",
	.usage = "[OPTION]...",
	.notes =
		"Prints what every interface with the filter has counted, and how the sources of sync are.\n"
		"With --listen, serves that until a signal ends it. :PORT is of the loopback interface; systemd is\n"
		"the socket of a .socket unit.\n",
	.examples =
		"  xdp-ipfilter metrics\n"
		"  xdp-ipfilter metrics -o /var/lib/prometheus/node-exporter/xdp-ipfilter.prom\n"
		"  xdp-ipfilter metrics --listen 127.0.0.1:9845\n",
	.options = metrics_options,
	.request_size = sizeof(struct metrics_request),
	.defaults = &metrics_defaults,
	.check = check,
	.read = open_listener,
	.needs = CAPABILITY_BPF | CAPABILITY_CHILDREN | TOOL_NEEDS_CLOCK,
	.run = metrics,
	.done = metrics_done,
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
