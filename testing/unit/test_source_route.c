// SPDX-License-Identifier: GPL-2.0
/*
 * What does a routing table's source make of lists and events that have gaps?
 *
 * Instead of the kernel and the clock there is a script here: what a list shows, which events come
 * with it, and what is silent. testing/e2e/test_source_route.py has the real kernel, where these
 * things happen when they happen.
 */
#include <source/source.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <source/netlink.h>
#include <source/stop.h>
#include <util/auto.h>
#include <util/clock.h>
#include <util/error.h>

#include "support.h"

#define MAX_MOMENTS 8

/* What the kernel does at a moment. */
struct moment {
	uint64_t at_ms;
	const char *table;   /* what lists show from now on: a letter for each route */
	const char *deleted; /* events that come during the next list, or at once */
	const char *changed; /* events that say that another route of the prefix may have gone */
	bool during_list;
	int list_ret; /* of the next list; with `always`, of all until the next moment */
	bool always;
	int events_ret; /* of the events that come now */
};

struct script {
	const char *name;
	struct moment moments[MAX_MOMENTS];
	size_t count;
	uint64_t end_ms;
	const char *delivered; /* with ; for the ends of lines */
};

static struct {
	const struct script *script;
	uint64_t now_ms;
	size_t next;
	struct moment moment;
} world;

uint64_t clock_monotonic_ms(void)
{
	return world.now_ms;
}

uint64_t clock_monotonic_ns(void)
{
	return world.now_ms * CLOCK_NS_PER_MS;
}

uint64_t clock_boot_ns(void)
{
	return world.now_ms * CLOCK_NS_PER_MS;
}

uint64_t clock_unix_ns(void)
{
	return world.now_ms * CLOCK_NS_PER_MS;
}

/* 192.0.2.LETTER */
static struct netlink_route route_of(char letter)
{
	return (struct netlink_route){
		.prefix = { .key = { (__u64)(0xc0000200u | (unsigned char)letter) << 32, 0 },
			    .family = IPF_IPV4,
			    .bits = 32 },
		.table = 66,
		.identity = 1,
		.discards = true,
	};
}

static int tell(const struct netlink *netlink, enum netlink_news news, const char *letters,
		struct error *err)
{
	int ret = 0;

	for (; letters && *letters && !ret; letters++) {
		const struct netlink_route route = route_of(*letters);

		ret = netlink->hear(netlink->context, news, &route, err);
	}
	return ret;
}

static int tell_events(const struct netlink *netlink, struct error *err)
{
	const char *deleted = world.moment.deleted, *changed = world.moment.changed;
	int ret;

	world.moment.deleted = world.moment.changed = NULL;
	ret = tell(netlink, NETLINK_DELETED, deleted, err);
	return ret ? ret : tell(netlink, NETLINK_CHANGED, changed, err);
}

int netlink_open(struct netlink *netlink, netlink_hear hear, void *context, struct error *err)
{
	(void)err;
	*netlink = (struct netlink){ .hear = hear, .context = context };
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	(void)netlink;
}

int netlink_descriptor(const struct netlink *netlink)
{
	(void)netlink;
	return -1;
}

int netlink_addresses(struct address **out, size_t *count, struct error *err)
{
	(void)err;
	*out = NULL;
	*count = 0;
	return 0;
}

int netlink_events(struct netlink *netlink, struct error *err)
{
	int ret = tell_events(netlink, err);

	return ret ? ret : world.moment.events_ret;
}

int netlink_dump(struct netlink *netlink, enum ipf_family family, uint32_t table, struct error *err)
{
	int ret;

	assert_int_equal(table, 66);
	if (family != IPF_IPV4)
		return 0;
	ret = tell(netlink, NETLINK_LISTED, world.moment.table, err);
	if (!ret && world.moment.during_list)
		ret = tell_events(netlink, err);
	if (!ret)
		ret = world.moment.list_ret;
	if (!world.moment.always)
		world.moment.list_ret = 0;
	/* The next moment may be that of the next list. */
	world.now_ms++;
	return ret;
}

static void go_on(void)
{
	world.moment = world.script->moments[world.next++];
}

bool stop_wait_for(int fd, uint64_t ms, bool *readable)
{
	const struct script *script = world.script;
	uint64_t until = ms > script->end_ms ? script->end_ms : world.now_ms + ms;

	(void)fd;
	*readable = false;
	if (world.next < script->count && script->moments[world.next].at_ms <= until) {
		if (world.now_ms < script->moments[world.next].at_ms)
			world.now_ms = script->moments[world.next].at_ms;
		go_on();
		*readable =
			!world.moment.during_list &&
			(world.moment.deleted || world.moment.changed || world.moment.events_ret);
		return false;
	}
	world.now_ms = until;
	return until >= script->end_ms;
}

bool stop_wait(uint64_t ms)
{
	bool readable;

	return stop_wait_for(-1, ms, &readable);
}

bool stop_asked(void)
{
	return false;
}

static void test_script(void **state)
{
	const struct job job = { .location = { .kind = LOCATION_ROUTE, .table = 66 } };
	struct error err = { 0 };
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	world.script = *state;
	world.now_ms = 1000;
	world.next = 0;
	go_on();
	assert_int_equal(source_run_route(&job, out, &err), 0);
	fclose(out);
	for (char *end = text; (end = strchr(end, '\n'));)
		*end = ';';
	assert_string_equal(text, world.script->delivered);
	assert_int_equal(world.next, world.script->count);
}

/* 192.0.2.97 is a, 192.0.2.98 is b, and so on. */
static const struct script scripts[] = {
	{ .name = "a list and an event",
	  .moments = { { .table = "ab" }, { .at_ms = 3000, .table = "a", .deleted = "b" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;end ;change;-192.0.2.98;end ;" },
	/* What the first list showed, and the lost event took away. */
	{ .name = "a list with a gap does not count",
	  .moments = { { .table = "ab", .list_ret = -ENOBUFS }, { .at_ms = 1001, .table = "a" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;end ;" },
	{ .name = "nor does one that was interrupted",
	  .moments = { { .table = "ab", .list_ret = -EINTR }, { .at_ms = 1001, .table = "a" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;end ;" },
	/* The kernel left out b. */
	{ .name = "a list while routes are deleted is not all",
	  .moments = { { .table = "a", .deleted = "c", .during_list = true },
		       { .at_ms = 1001, .table = "ab" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;end ;" },
	/* The first list of the round showed c, so its second one does not count against c. */
	{ .name = "what events were lost of between two lists is found by the next round",
	  .moments = { { .table = "abc", .deleted = "z", .during_list = true },
		       { .at_ms = 1100, .table = "ab", .events_ret = -ENOBUFS } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;+192.0.2.99;end ;change;-192.0.2.99;end ;" },
	{ .name = "so is what was replaced between two lists",
	  .moments = { { .table = "abc", .deleted = "z", .during_list = true },
		       { .at_ms = 1100, .table = "ab", .changed = "a" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;+192.0.2.99;end ;change;-192.0.2.99;end ;" },
	{ .name = "and what was replaced during a list",
	  .moments = { { .table = "abc", .changed = "a", .during_list = true },
		       { .at_ms = 1100, .table = "ab" } },
	  .count = 2,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;+192.0.2.99;end ;change;-192.0.2.99;end ;" },
	{ .name = "lost events are found by a list",
	  .moments = { { .table = "ab" },
		       { .at_ms = 3000, .table = "bc", .events_ret = -ENOBUFS },
		       { .at_ms = 3001, .table = "bc" } },
	  .count = 3,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;end ;change;+192.0.2.99;end ;"
		       "change;-192.0.2.97;end ;" },
	{ .name = "what goes without an event is found later",
	  .moments = { { .table = "ab" }, { .at_ms = 3000, .table = "a" } },
	  .count = 2,
	  .end_ms = 1000000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;end ;change;-192.0.2.98;end ;" },
	/* No list shows whether b, which was replaced, is still there; a is known to be gone. */
	{ .name = "what is known to have gone does not wait for a whole list for ever",
	  .moments = { { .table = "abc" },
		       { .at_ms = 3000, .table = "bc", .deleted = "a" },
		       { .at_ms = 3500,
			 .table = "c",
			 .changed = "b",
			 .list_ret = -EINTR,
			 .always = true },
		       { .at_ms = 62000, .table = "c", .list_ret = -ENOBUFS, .always = true },
		       { .at_ms = 70000, .table = "c" } },
	  .count = 5,
	  .end_ms = 90000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;+192.0.2.99;end ;change;-192.0.2.97;end ;"
		       "change;-192.0.2.98;end ;" },
	/* b goes only by the whole list, which is still the first one. */
	{ .name = "nor does what is known before the first whole list",
	  .moments = { { .table = "ab", .list_ret = -EINTR, .always = true },
		       { .at_ms = 30000, .table = "a", .list_ret = -ENOBUFS, .always = true },
		       { .at_ms = 90000, .table = "ac" } },
	  .count = 3,
	  .end_ms = 100000,
	  .delivered = "warning the table changes faster than it can be listed: those of its "
		       "routes that were seen are used, and none goes;"
		       "change;+192.0.2.97;+192.0.2.98;end ;"
		       "list;+192.0.2.97;+192.0.2.99;end ;" },
	{ .name = "where nothing is known, nothing is said",
	  .moments = { { .table = "", .list_ret = -EINTR, .always = true },
		       { .at_ms = 90000, .table = "" } },
	  .count = 2,
	  .end_ms = 100000,
	  .delivered = "list;end ;" },
	{ .name = "what goes within a second goes together",
	  .moments = { { .table = "abcd" },
		       { .at_ms = 3000, .table = "bcd", .deleted = "a" },
		       { .at_ms = 3900, .table = "cd", .deleted = "b" },
		       { .at_ms = 4800, .table = "d", .deleted = "c" } },
	  .count = 4,
	  .end_ms = 9000,
	  .delivered = "list;+192.0.2.97;+192.0.2.98;+192.0.2.99;+192.0.2.100;end ;"
		       "change;-192.0.2.97;-192.0.2.98;-192.0.2.99;end ;" },
};

int main(void)
{
	static struct suite suite;

	SUITE_TABLE(&suite, test_script, scripts);
	return suite_run(&suite, "source_route");
}
