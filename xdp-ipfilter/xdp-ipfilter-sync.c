// SPDX-License-Identifier: GPL-2.0
/*
 * sync: how do sets follow their sources?
 *
 * The command of xdp-ipfilter that keeps running, in a program of its own.
 */
#include <errno.h>

#include <control/tool.h>
#include <dataplane/capability.h>
#include <source/job.h>
#include <sync/config.h>
#include <sync/config_file.h>
#include <sync/daemon.h>
#include <sync/secrets.h>
#include <util/error.h>

struct sync_request {
	struct option_texts arguments; /* SET=SOURCE */
	struct option_texts devices;
	const char *file;
	uint64_t every_s;
	bool check;
	struct daemon_request daemon;
};

static const struct sync_request sync_defaults = { .daemon.cache = CONFIG_CACHE_DEFAULT };

static const struct option_spec sync_options[] = {
	OPTION_TEXT('c', "config", "FILE", struct sync_request, file,
		    "Read the sources and interfaces from FILE."),
	OPTION_FLAG(0, "once", struct sync_request, daemon.once,
		    "Make the sets equal to their sources once, then end."),
	OPTION_FLAG(0, "check", struct sync_request, check,
		    "Only check the configuration, and the files that it names."),
	OPTION_TEXTS('d', "dev", "IFNAME", struct sync_request, devices,
		     "The sets of SET=SOURCE are for this interface. May be repeated."),
	OPTION_DURATION(0, "every", "DURATION", struct sync_request, every_s,
			"Read each SET=SOURCE this often."),
	OPTION_TEXT(0, "cache", "DIR", struct sync_request, daemon.cache,
		    "Keep the last good copy of each set in DIR."),
	OPTION_POSITIONALS("SET=SOURCE", struct sync_request, arguments),
	OPTION_END,
};

static const char *check(const void *data)
{
	const struct sync_request *request = data;

	if (request->arguments.count)
		return NULL;
	if (request->devices.count)
		return "--dev is for SET=SOURCE; in a file, a source has interfaces = { ... }";
	return request->every_s ? "--every is for SET=SOURCE; in a file, a source has every = ..." :
				  NULL;
}

/* Finds out early that a file of secrets cannot be read. */
static int check_secrets(const struct config *config, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < config->source_count && !ret; i++) {
		struct job job = { 0 };

		ret = secrets_read(&config->sources[i], &job, err);
		job_done(&job);
		if (ret)
			error_prefix(err, ret, "source %s", config->sources[i].set);
	}
	return ret ? error_set_kind(err, ret, ERROR_USAGE) : 0;
}

/* Adds what the command line says to what the file says. */
static int read_config(void *context, struct config *config, struct error *err)
{
	struct sync_request *request = context;
	const char *file = request->file;
	int ret = 0;

	if (!file && !request->arguments.count)
		file = CONFIG_FILE_DEFAULT;
	if (file)
		ret = config_file_read(file, config, err);
	if (ret == -ENOENT && file != request->file)
		return error_set_usage(err,
				       "%s; write it, name another file with --config, or give "
				       "SET=SOURCE",
				       err->text);
	for (size_t i = 0; i < request->arguments.count && !ret; i++)
		ret = config_add_argument(config, request->arguments.items[i], request->every_s,
					  &request->devices, err);
	if (!ret && !config->source_count && !config->interface_count)
		return error_set_usage(err, "%s: names no source and no interface", file);
	if (!ret)
		ret = config_check(config, err);
	return ret ? ret : check_secrets(config, err);
}

static int read_first(void *data, struct error *err)
{
	struct sync_request *request = data;

	return read_config(request, &request->daemon.config, err);
}

static bool only_checks(const void *data)
{
	const struct sync_request *request = data;

	return request->check;
}

static int follow(void *data, struct error *err)
{
	struct sync_request *request = data;

	request->daemon.read_config = read_config;
	request->daemon.context = request;
	return daemon_run(&request->daemon, err);
}

static void sync_done(void *data)
{
	struct sync_request *request = data;

	config_done(&request->daemon.config);
}

static const struct command sync_command = {
	.name = "sync",
	.summary = "keep sets equal to files, URLs and other sources",
	.usage = "[OPTION]... [SET=SOURCE]...",
	.notes = "SOURCE is /path, http(s)://HOST/PATH, etcd+http(s)://HOST:PORT/PREFIX,\n"
		 "crowdsec+http(s)://HOST:PORT, crowdsec+unix:///path or route:TABLE. Without -c\n"
		 "and SET=SOURCE, sync reads " CONFIG_FILE_DEFAULT ". It runs until a\n"
		 "signal ends it; rules and filters stay.\n",
	.examples = "  xdp-ipfilter sync bad=/etc/xdp-ipfilter/bad.txt\n"
		    "  xdp-ipfilter sync --check -c /etc/xdp-ipfilter/sync.conf\n",
	.exit_codes =
		"  0  ended by a signal; with --once, all sets equal their sources\n"
		"  1  failed; with --once, at least one source did, and the other sets are live\n"
		"  2  wrong usage or bad configuration\n",
	.options = sync_options,
	.request_size = sizeof(struct sync_request),
	.defaults = &sync_defaults,
	.check = check,
	.read = read_first,
	.ends_after_read = only_checks,
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
