// SPDX-License-Identifier: GPL-2.0
/*
 * What is CrowdSec told about the effect of its decisions?
 */
#include <source/usage.h>

#include <jansson.h>
#include <sys/utsname.h>

#include <util/program.h>

void usage_done(struct usage *usage)
{
	tally_done(&usage->last);
	*usage = (struct usage){ 0 };
}

void usage_advance(struct usage *usage, struct tally *counters, int64_t now_s)
{
	tally_done(&usage->last);
	usage->last = *counters;
	usage->reported_s = now_s;
	usage->begun = true;
	*counters = (struct tally){ 0 };
}

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

void usage_visit(const struct usage *usage, const struct tally *counters, usage_visitor visit,
		 void *context)
{
	const struct tally_rule *before = usage->last.rules, *end = before + usage->last.count;

	for (size_t i = 0; i < counters->count; i++) {
		const struct tally_rule *rule = &counters->rules[i];
		uint64_t packets = rule->packets, bytes = rule->bytes;

		while (before < end && prefix_compare(&before->prefix, &rule->prefix) < 0)
			before++;
		if (before < end && !prefix_compare(&before->prefix, &rule->prefix)) {
			packets = grown(rule->packets, before->packets);
			bytes = grown(rule->bytes, before->bytes);
		}
		if (packets || bytes)
			visit(context, &rule->prefix, packets, bytes);
	}
}

/* Takes the labels. Nothing is said of nothing, unless `always`. */
static void add_item(json_t *items, const char *name, const char *unit, uint64_t value,
		     json_t *labels)
{
	json_array_append_new(items, json_pack("{s:s, s:s, s:I, s:o}", "name", name, "unit", unit,
					       "value", (json_int_t)value, "labels", labels));
}

static const char *ip_type(unsigned int family)
{
	return family == IPF_IPV4 ? "ipv4" : "ipv6";
}

static void add_dropped(json_t *items, const char *unit, uint64_t value, const char *origin,
			unsigned int family)
{
	if (value)
		add_item(items, "dropped", unit, value,
			 json_pack("{s:s, s:s, s:s}", "origin", origin, "ip_type", ip_type(family),
				   "remediation", "ban"));
}

static void add_sum(json_t *items, const struct usage_sum *sum, const char *origin,
		    unsigned int family)
{
	add_dropped(items, "packet", sum->packets, origin, family);
	add_dropped(items, "byte", sum->bytes, origin, family);
	if (sum->decisions)
		add_item(items, "active_decisions", "ip", sum->decisions,
			 json_pack("{s:s, s:s}", "origin", origin, "ip_type", ip_type(family)));
}

static json_t *make_items(const struct usage *usage, const struct tally *counters,
			  const struct usage_sums *sums, const struct decision_origins *origins)
{
	json_t *items = json_array();

	/* Always there, because an empty list is refused. */
	add_item(items, "processed", "packet",
		 grown(counters->all_packets, usage->last.all_packets), json_object());
	add_item(items, "processed", "byte", grown(counters->all_bytes, usage->last.all_bytes),
		 json_object());
	for (size_t i = 0; i < origins->count; i++)
		for (unsigned int family = 0; family < IPF_FAMILIES; family++)
			add_sum(items, &sums->by[i][family], origins->names[i], family);
	return items;
}

/* The kernel, which is what our work depends on. */
static json_t *make_os(void)
{
	struct utsname name;

	if (uname(&name))
		return json_pack("{s:s, s:s}", "name", "Linux", "version", "");
	return json_pack("{s:s, s:s}", "name", name.sysname, "version", name.release);
}

char *usage_report(const struct usage *usage, const struct tally *counters,
		   const struct usage_sums *sums, const struct decision_origins *origins,
		   const char *version, int64_t now_s)
{
	json_t *items = make_items(usage, counters, sums, origins);
	json_t *report = json_pack("{s:[{s:s, s:s, s:[], s:I, s:o, s:[{s:{s:I, s:I}, s:o}]}]}",
				   "remediation_components", "type", PROGRAM_NAME, "version",
				   version, "feature_flags", "utc_startup_timestamp",
				   (json_int_t)usage->started_s, "os", make_os(), "metrics", "meta",
				   "window_size_seconds", (json_int_t)(now_s - usage->reported_s),
				   "utc_now_timestamp", (json_int_t)now_s, "items", items);
	char *text = json_dumps(report, JSON_COMPACT);

	json_decref(report);
	return text;
}
