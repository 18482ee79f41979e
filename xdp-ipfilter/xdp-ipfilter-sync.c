// SPDX-License-Identifier: GPL-2.0
/*
 * sync: how do sets follow their sources?
 *
 * The command of xdp-ipfilter that keeps running, in a program of its own.
 */
#include <unistd.h>

#include <control/tool.h>
#include <dataplane/capability.h>
#include <sync/config.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/loop.h>
#include <util/signals.h>

struct sync_request {
	struct option_texts sources;
	struct config config;
};

static const struct option_spec sync_options[] = {
	OPTION_POSITIONALS("SET=SOURCE", struct sync_request, sources),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct sync_request *request = data;

	return request->sources.count ? NULL : "which sources? SET=SOURCE names one";
}

static int read_config(void *data, struct error *err)
{
	struct sync_request *request = data;
	int ret = 0;

	for (size_t i = 0; i < request->sources.count && !ret; i++)
		ret = config_add(&request->config, request->sources.items[i], err);
	return ret;
}

static int end(void *context, struct error *err)
{
	(void)context;
	(void)err;
	return 1;
}

static int follow(void *data, struct error *err)
{
	struct loop loop = { 0 };
	auto_fd int signals = signals_open(err);
	int ret;

	(void)data;
	if (signals < 0)
		return signals;
	ret = loop_add(&loop, signals, end, NULL, err);
	if (!ret)
		ret = loop_run(&loop, err);
	loop_done(&loop);
	return ret < 0 ? ret : 0;
}

static void sync_done(void *data)
{
	struct sync_request *request = data;

	config_done(&request->config);
}

static const struct command sync_command = {
	.name = "sync",
	.summary = "keep sets equal to files, URLs and other sources",
	.usage = "[OPTION]... SET=SOURCE...",
	.notes =
		"A source is /path, http(s)://HOST/PATH, etcd+http(s)://HOST:PORT/PREFIX,\n"
		"crowdsec+http(s)://HOST:PORT, crowdsec+unix:///path or route:TABLE. Runs until it gets a signal;\n"
		"rules and filter stay then.\n",
	.examples = "  xdp-ipfilter sync bad=/etc/xdp-ipfilter/bad.txt\n",
	.options = sync_options,
	.request_size = sizeof(struct sync_request),
	.check = check,
	.read = read_config,
	.needs = CAPABILITY_BPF | CAPABILITY_ATTACH | CAPABILITY_FILES | CAPABILITY_CHILDREN |
		 TOOL_NEEDS_CLOCK,
	.run = follow,
	.done = sync_done,
};

static const struct command *const commands[] = { &sync_command, NULL };

static const struct command_table table = {
	.version = XDP_IPFILTER_VERSION,
	.summary = "Keeps sets of xdp-ipfilter equal to their sources.",
	.commands = commands,
	TOOL_STEPS,
};

int main(int argc, char **argv)
{
	return tool_main(&table, argc, argv);
}
