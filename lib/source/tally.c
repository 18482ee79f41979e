// SPDX-License-Identifier: GPL-2.0
/*
 * What has the filter counted for the set of a source?
 */
#include <source/tally.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>
#include <util/number.h>

#define MAX_FIELDS 5

int tally_add(struct tally *counters, const struct prefix *prefix, uint64_t packets, uint64_t bytes)
{
	int ret = array_reserve(&counters->rules, &counters->capacity, counters->count + 1,
				sizeof(*counters->rules));

	if (!ret)
		counters->rules[counters->count++] = (struct tally_rule){ *prefix, packets, bytes };
	return ret;
}

static int compare_rules(const void *a, const void *b)
{
	return prefix_compare(&((const struct tally_rule *)a)->prefix,
			      &((const struct tally_rule *)b)->prefix);
}

void tally_sort(struct tally *counters)
{
	struct tally_rule *rules = counters->rules;
	size_t kept = 0;

	if (!counters->count)
		return;
	qsort(rules, counters->count, sizeof(*rules), compare_rules);
	for (size_t i = 1; i < counters->count; i++) {
		if (compare_rules(&rules[kept], &rules[i])) {
			rules[++kept] = rules[i];
			continue;
		}
		rules[kept].packets += rules[i].packets;
		rules[kept].bytes += rules[i].bytes;
	}
	counters->count = kept + 1;
}

void tally_done(struct tally *counters)
{
	free(counters->rules);
	*counters = (struct tally){ 0 };
}

int tally_write(const struct tally *counters, FILE *out, struct error *err)
{
	char prefix[PREFIX_TEXT_SIZE];
	bool failed;
	int ret;

	fprintf(out, "total %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		counters->dropped_packets, counters->dropped_bytes, counters->all_packets,
		counters->all_bytes);
	for (size_t i = 0; i < counters->count; i++) {
		const struct tally_rule *rule = &counters->rules[i];

		prefix_format(&rule->prefix, prefix);
		fprintf(out, "%s %" PRIu64 " %" PRIu64 "\n", prefix, rule->packets, rule->bytes);
	}
	fputs(".\n", out);
	failed = fflush(out) || ferror(out);
	ret = -errno;
	return failed ? error_set(err, ret, "cannot send counters: %s", strerror(-ret)) : 0;
}

/* The line's words; returns how many there are, MAX_FIELDS + 1: more. */
static size_t split(char *line, char *fields[MAX_FIELDS])
{
	size_t count = 0;
	char *rest = line, *field;

	while ((field = strsep(&rest, " \n"))) {
		if (!*field && !rest)
			break;
		if (count == MAX_FIELDS)
			return MAX_FIELDS + 1;
		fields[count++] = field;
	}
	return count;
}

static bool read_numbers(char *const *fields, size_t count, uint64_t *out)
{
	for (size_t i = 0; i < count; i++)
		if (number_parse(fields[i], 0, UINT64_MAX, &out[i]))
			return false;
	return true;
}

static int read_total(char *const *fields, size_t count, struct tally *out)
{
	uint64_t numbers[4];

	if (count != 5 || strcmp(fields[0], "total") != 0 || !read_numbers(fields + 1, 4, numbers))
		return -EBADMSG;
	out->dropped_packets = numbers[0];
	out->dropped_bytes = numbers[1];
	out->all_packets = numbers[2];
	out->all_bytes = numbers[3];
	return 0;
}

static int read_rule(char *const *fields, size_t count, struct tally *out)
{
	struct prefix_list list = { 0 };
	uint64_t numbers[2];
	int ret = -EBADMSG;

	if (count == 3 && !prefix_parse(fields[0], &list, NULL) && list.count == 1 &&
	    read_numbers(fields + 1, 2, numbers))
		ret = tally_add(out, &list.items[0], numbers[0], numbers[1]);
	prefix_list_done(&list);
	return ret;
}

static int read_lines(struct tally *out, FILE *in)
{
	auto_free char *line = NULL;
	char *fields[MAX_FIELDS];
	size_t size = 0;
	bool first = true;
	int ret = 0;

	while (!ret) {
		size_t count;

		if (getline(&line, &size, in) < 0)
			return -EBADMSG;
		if (!first && !strcmp(line, ".\n"))
			break;
		count = split(line, fields);
		ret = first ? read_total(fields, count, out) : read_rule(fields, count, out);
		first = false;
	}
	return ret;
}

int tally_read(struct tally *out, FILE *in, struct error *err)
{
	int ret;

	*out = (struct tally){ 0 };
	ret = read_lines(out, in);
	if (!ret) {
		tally_sort(out);
		return 0;
	}
	tally_done(out);
	return ret == -ENOMEM ? error_no_memory(err) :
				error_set(err, ret, "what sync sends are not counters");
}
