// SPDX-License-Identifier: GPL-2.0
/*
 * When does sync do what, and what ends it?
 */
#include <sync/daemon.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <dataplane/rtnl_watch.h>
#include <sync/instance.h>
#include <sync/keep.h>
#include <sync/state.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>
#include <util/log.h>
#include <util/loop.h>
#include <util/notify.h>
#include <util/signals.h>

#define LAST 1 /* ends the loop */

struct daemon {
	struct daemon_request *request;
	struct keep keep;
	struct loop loop;
	int signals, watch;
	bool is_ready;
};

/* -- What others see --------------------------------------------------------------------------- */

static struct state_interface describe_interface(const struct keep_item *item)
{
	return (struct state_interface){
		.ifname = item->dev.ifindex ? item->dev.name : item->wanted.name,
		.state = keep_state_name(item->state),
		.error = item->trouble.text[0] ? item->trouble.text : NULL,
	};
}

static void write_state(const struct daemon *daemon)
{
	auto_free struct state_interface *interfaces =
		calloc(daemon->keep.count + 1, sizeof(*interfaces));
	const struct state state = {
		.interfaces = interfaces,
		.interface_count = daemon->keep.count,
	};
	struct error err = { 0 };

	for (size_t i = 0; i < daemon->keep.count && interfaces; i++)
		interfaces[i] = describe_interface(&daemon->keep.items[i]);
	if (!interfaces || state_write(&state, &err))
		log_warning("%s", err.text);
}

/* -- Rounds ------------------------------------------------------------------------------------ */

static int rules_of(void *context, const char *name, enum ipf_verdict policy, struct ruleset *out,
		    bool *complete, struct error *err)
{
	const struct daemon *daemon = context;

	(void)policy;
	(void)out;
	(void)err;
	*complete = true;
	for (size_t i = 0; i < daemon->request->config.source_count; i++)
		*complete &= !config_source_is_for(&daemon->request->config.sources[i], name);
	return 0;
}

static int round_of_all(void *context, struct error *err)
{
	struct daemon *daemon = context;

	(void)err;
	keep_look(&daemon->keep);
	write_state(daemon);
	if (!daemon->is_ready)
		notify_ready();
	daemon->is_ready = true;
	return 0;
}

static int notice_interface(void *context, struct error *err)
{
	struct daemon *daemon = context;

	(void)err;
	rtnl_watch_drain(daemon->watch);
	keep_notice(&daemon->keep);
	keep_look(&daemon->keep);
	return 0;
}

static int tell_alive(void *context, struct error *err)
{
	(void)context;
	(void)err;
	notify_alive();
	return 0;
}

/* -- Signals ----------------------------------------------------------------------------------- */

static int take_config(struct daemon *daemon, struct config *config, struct error *err)
{
	struct config old = daemon->request->config;
	int ret = keep_configure(&daemon->keep, config, err);

	if (ret)
		return ret;
	daemon->request->config = *config;
	*config = old;
	return 0;
}

/* A bad configuration is told, and the old one stays. */
static void read_again(struct daemon *daemon)
{
	struct config config = { 0 };
	struct error err = { 0 };
	int ret;

	notify_reloading();
	ret = daemon->request->read_config(daemon->request->context, &config, &err);
	if (!ret)
		ret = take_config(daemon, &config, &err);
	if (ret)
		log_warning("%s; the configuration stays as it was", err.text);
	config_done(&config);
	notify_ready();
}

static int take_signal(void *context, struct error *err)
{
	struct daemon *daemon = context;

	if (signals_read(daemon->signals) != SIGHUP)
		return LAST;
	read_again(daemon);
	return round_of_all(daemon, err);
}

/* -- The whole --------------------------------------------------------------------------------- */

static int add_all(struct daemon *daemon, struct error *err)
{
	uint64_t alive_ns = notify_interval_ns();
	int ret = loop_add(&daemon->loop, daemon->signals, take_signal, daemon, err);

	if (!ret)
		ret = loop_add(&daemon->loop, daemon->watch, notice_interface, daemon, err);
	if (!ret)
		ret = loop_add_timer(&daemon->loop, CLOCK_NS_PER_S, round_of_all, daemon, err);
	if (!ret && alive_ns)
		ret = loop_add_timer(&daemon->loop, alive_ns, tell_alive, daemon, err);
	return ret;
}

static int follow(struct daemon *daemon, struct error *err)
{
	int ret = add_all(daemon, err);

	if (!ret)
		ret = round_of_all(daemon, err);
	if (!ret && !daemon->request->once)
		ret = loop_run(&daemon->loop, err);
	notify_stopping();
	loop_done(&daemon->loop);
	state_remove();
	return ret < 0 ? ret : 0;
}

int daemon_run(struct daemon_request *request, struct error *err)
{
	auto_fd int instance = instance_take(err);
	auto_fd int signals = -1, watch = -1;
	struct daemon daemon = { .request = request, .keep.rules = rules_of };
	int ret;

	if (instance < 0)
		return instance;
	signals = signals_open(err);
	if (signals >= 0)
		watch = rtnl_watch_open(err);
	if (signals < 0 || watch < 0)
		return signals < 0 ? signals : watch;
	daemon.signals = signals;
	daemon.watch = watch;
	daemon.keep.context = &daemon;
	ret = keep_configure(&daemon.keep, &request->config, err);
	if (!ret)
		ret = follow(&daemon, err);
	keep_done(&daemon.keep);
	return ret;
}
