// SPDX-License-Identifier: GPL-2.0
/*
 * When does sync do what, and what ends it?
 */
#include <sync/daemon.h>

#include <errno.h>
#include <signal.h>

#include <dataplane/rtnl_watch.h>
#include <sync/feeds.h>
#include <sync/instance.h>
#include <sync/keep.h>
#include <sync/telling.h>
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
	struct feeds *feeds;
	struct telling telling;
	struct loop loop;
	int signals, watch;
	bool is_ready;
};

/* -- Rounds ------------------------------------------------------------------------------------ */

static int rules_of(void *context, const struct netdev *dev, enum ipf_verdict policy,
		    struct ruleset *out, bool *complete, struct error *err)
{
	const struct daemon *daemon = context;

	return feeds_rules(daemon->feeds, dev, policy, out, complete, err);
}

static void look_at_interfaces(struct daemon *daemon)
{
	if (keep_look(&daemon->keep))
		feeds_notice_filter(daemon->feeds);
}

static int round_of_all(void *context, struct error *err)
{
	struct daemon *daemon = context;

	(void)err;
	look_at_interfaces(daemon);
	feeds_tick(daemon->feeds);
	telling_tell(&daemon->telling, &daemon->keep, daemon->feeds);
	if (!daemon->is_ready && feeds_have_tried(daemon->feeds)) {
		notify_ready();
		daemon->is_ready = true;
	}
	return 0;
}

static int look_at_sources(void *context, struct error *err)
{
	struct daemon *daemon = context;

	(void)err;
	feeds_look(daemon->feeds);
	return daemon->request->once && feeds_have_ended(daemon->feeds) ? LAST : 0;
}

static void notice_deleted(void *context, unsigned int ifindex)
{
	struct daemon *daemon = context;

	keep_notice_deleted(&daemon->keep, ifindex);
}

static int notice_interface(void *context, struct error *err)
{
	struct daemon *daemon = context;

	(void)err;
	rtnl_watch_drain(daemon->watch, notice_deleted, daemon);
	keep_notice(&daemon->keep);
	look_at_interfaces(daemon);
	return 0;
}

/* -- Signals ----------------------------------------------------------------------------------- */

static int take_config(struct daemon *daemon, struct config *config, struct error *err)
{
	struct config old = daemon->request->config;
	int ret = keep_configure(&daemon->keep, config, err);

	if (ret)
		return ret;
	ret = feeds_configure(daemon->feeds, config, err);
	if (ret) {
		keep_configure(&daemon->keep, &old, NULL);
		return ret;
	}
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
	int ret = loop_add(&daemon->loop, daemon->signals, take_signal, daemon, err);

	if (!ret)
		ret = loop_add(&daemon->loop, daemon->watch, notice_interface, daemon, err);
	if (!ret)
		ret = loop_add_timer(&daemon->loop, CLOCK_NS_PER_S, round_of_all, daemon, err);
	if (!ret)
		ret = notify_alive_by(&daemon->loop, err);
	return ret;
}

static int follow(struct daemon *daemon, struct error *err)
{
	int ret = add_all(daemon, err);

	if (!ret)
		ret = round_of_all(daemon, err);
	if (!ret)
		ret = loop_run(&daemon->loop, err);
	notify_stopping();
	if (ret >= 0)
		ret = daemon->request->once ? feeds_result(daemon->feeds, err) : 0;
	telling_done(&daemon->telling);
	return ret;
}

static int start_feeds(struct daemon *daemon, struct error *err)
{
	const struct feeds_options options = {
		.loop = &daemon->loop,
		.cache = daemon->request->cache,
		.keep = &daemon->keep,
		.once = daemon->request->once,
	};
	int ret = feeds_new(&options, &daemon->feeds, err);

	if (ret)
		return ret;
	loop_set_after(&daemon->loop, look_at_sources, daemon);
	return feeds_configure(daemon->feeds, &daemon->request->config, err);
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
		ret = start_feeds(&daemon, err);
	if (!ret)
		ret = follow(&daemon, err);
	feeds_free(daemon.feeds);
	loop_done(&daemon.loop);
	keep_done(&daemon.keep);
	return ret;
}
