// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to writers that share no lock at all?
 *
 * They meet in the filter's memory, through lib/dataplane/claim.c. The loser reports it and changes
 * nothing, and no rules are lost. The tests run no program: the object's maps are enough.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/counters.h>
#include <dataplane/filter.h>
#include <dataplane/map.h>
#include <dataplane/slots.h>
#include <dataplane/table.h>
#include <dataplane/ticket.h>
#include <util/error.h>

#include "program.h"
#include "rules.h"
#include "tap.h"

enum { WRITERS = 4, ADDS = 60, MANY_RULES = 200000 };

/* A filter that no other process knows. */
struct bench {
	struct program program;
	struct filter filter;
	struct ipf_root *root;
};

static void bench_open(struct bench *bench, const char *path)
{
	const struct ipf_config config = { .magic = IPF_MAGIC, .abi_version = IPF_ABI_VERSION };

	if (program_open(&bench->program, path, &(struct program_options){ 0 }))
		tap_bail("%s cannot be loaded", path);
	bench->filter = filter_of_object(bench->program.object, &config);
	bench->root = (struct ipf_root *)bench->program.root;
}

/* One writer's change. */
struct writer {
	struct ruleset rules;
	struct table_snapshot live;
	struct table_change change;
	struct error err;
};

static void writer_done(struct writer *writer)
{
	ruleset_done(&writer->rules);
	table_snapshot_done(&writer->live);
	*writer = (struct writer){ 0 };
}

static void writer_read(struct writer *writer, const struct filter *filter)
{
	*writer = (struct writer){ 0 };
	if (table_read(filter, &writer->rules, &writer->live, &writer->err))
		tap_bail("the live table cannot be read: %s", writer->err.text);
}

/* `count` hosts from 10.0.0.0 + first on. */
static void writer_add(struct writer *writer, unsigned int first, unsigned int count)
{
	struct rule *rules = calloc(count, sizeof(*rules));
	int set = ruleset_name_set(&writer->rules, RULE_DEFAULT_SET);

	if (!rules || set < 0)
		tap_bail("no memory");
	for (unsigned int i = 0; i < count; i++)
		rules[i] = (struct rule){
			.prefix = { .family = IPF_IPV4,
				    .bits = 32,
				    .key.high = (__u64)(0x0a000000u + first + i) << 32 },
			.verdict = IPF_DROP,
			.set = (__u16)set,
			.counter = IPF_NO_COUNTER,
		};
	if (ruleset_add(&writer->rules, rules, count, NULL))
		tap_bail("no memory");
	free(rules);
}

static int writer_prepare(struct writer *writer, const struct filter *filter)
{
	return table_prepare(filter, &writer->live, &writer->rules, &writer->change, &writer->err);
}

/* Adds hosts like a command without competitors. */
static bool add_alone(const struct filter *filter, unsigned int first, unsigned int count)
{
	struct writer writer;
	bool ok;

	writer_read(&writer, filter);
	writer_add(&writer, first, count);
	ok = !writer_prepare(&writer, filter) && !table_commit(&writer.change, &writer.err);
	if (!ok)
		tap_note("%s", writer.err.text);
	writer_done(&writer);
	return ok;
}

static size_t rule_count(const struct filter *filter)
{
	struct writer writer;
	size_t count;

	writer_read(&writer, filter);
	count = writer.rules.count;
	writer_done(&writer);
	return count;
}

/* All memory that a writer can write to, including claims, and the existing chunks and blocks. */
struct memory {
	struct ipf_root root;
	struct ipf_slots slots;
	__u8 head[2 * IPF_HEAD_SIZE];
};

static struct memory *memory_now(const struct bench *bench)
{
	struct memory *memory = malloc(sizeof(*memory));
	__u32 only = 0;

	if (!memory || bpf_map_lookup_elem(bench->filter.maps[FILTER_SLOTS], &only, &memory->slots))
		tap_bail("the memory cannot be read");
	memcpy(&memory->root, bench->root, sizeof(memory->root));
	memcpy(memory->head, bench->program.head, sizeof(memory->head));
	return memory;
}

static bool same_memory(struct memory *before, const struct bench *bench)
{
	struct memory *now = memory_now(bench);
	bool same = !memcmp(now, before, sizeof(*now));

	free(now);
	free(before);
	return same;
}

static void test_the_second_is_refused(struct bench *bench, unsigned int rules, const char *what)
{
	char me[32];
	struct writer first, second;
	struct memory *before;
	int ret;

	snprintf(me, sizeof(me), "process %d (test_table)", getpid());
	writer_read(&first, &bench->filter);
	writer_read(&second, &bench->filter);
	writer_add(&first, 0, rules);
	writer_add(&second, 1 << 20, rules);
	tap_ok(!writer_prepare(&first, &bench->filter), "%s: the first writer prepares", what);
	before = memory_now(bench);
	ret = writer_prepare(&second, &bench->filter);
	tap_ok(ret == -EBUSY && strstr(second.err.text, me),
	       "%s: the second one hears who is at work (%d: %s)", what, ret, second.err.text);
	tap_ok(same_memory(before, bench), "%s: and has written nowhere", what);
	tap_ok(!table_commit(&first.change, &first.err), "%s: the first one commits", what);

	before = memory_now(bench);
	ret = writer_prepare(&second, &bench->filter);
	tap_ok(ret == -EAGAIN && strstr(second.err.text, "another command"),
	       "%s: the second one's rules are out of date (%d: %s)", what, ret, second.err.text);
	tap_ok(same_memory(before, bench), "%s: and it has written nowhere again", what);
	writer_done(&first);
	writer_done(&second);
	tap_ok(add_alone(&bench->filter, 1 << 20, rules), "%s: from the new ones it succeeds",
	       what);
	tap_ok(rule_count(&bench->filter) == 2 * (size_t)rules, "%s: both are there", what);
}

static void test_an_abort_gives_way(struct bench *bench)
{
	struct writer writer;
	size_t before = rule_count(&bench->filter);

	writer_read(&writer, &bench->filter);
	writer_add(&writer, 2 << 20, 1);
	tap_ok(!writer_prepare(&writer, &bench->filter), "a change is prepared");
	table_abort(&writer.change);
	writer_done(&writer);
	tap_ok(rule_count(&bench->filter) == before && add_alone(&bench->filter, 2 << 20, 1),
	       "aborted, it is not there, and the next one succeeds");
}

static void test_a_killed_one_gives_way(struct bench *bench)
{
	size_t before = rule_count(&bench->filter);
	pid_t child = fork();
	struct writer writer;
	int status;

	if (!child) {
		writer_read(&writer, &bench->filter);
		writer_add(&writer, 3 << 20, MANY_RULES);
		if (!writer_prepare(&writer, &bench->filter))
			raise(SIGKILL);
		_exit(1);
	}
	tap_ok(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status),
	       "a writer is killed with its claim");
	tap_ok(bench->root->generation >> IPF_CLAIM_SHIFT, "which stays in the memory");
	tap_ok(add_alone(&bench->filter, 4 << 20, 1) && rule_count(&bench->filter) == before + 1,
	       "and keeps nobody out");
	tap_ok(!(bench->root->generation >> IPF_CLAIM_SHIFT),
	       "until the next one releases its own");
}

static __u32 id_of(int map)
{
	struct bpf_map_info info;

	return map_info(map, &info) ? 0 : info.id;
}

static void set_claim(struct bench *bench, __u32 claim)
{
	bench->root->generation = (bench->root->generation & IPF_GENERATION_MASK) |
				  (__u64)claim << IPF_CLAIM_SHIFT;
}

static void test_damaged_claims(struct bench *bench)
{
	const struct {
		const char *what;
		__u32 claim;
	} claims[] = {
		{ "all ones", ~0u },
		{ "a number that was never given", 0x7fffffff },
		{ "another map", id_of(bench->filter.maps[FILTER_TOTALS]) },
	};
	struct writer writer;
	size_t before;

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		set_claim(bench, claims[i].claim);
		tap_ok(add_alone(&bench->filter, (5 << 20) + (unsigned int)i, 1),
		       "a claim that is %s keeps nobody out", claims[i].what);
	}
	before = rule_count(&bench->filter);
	writer_read(&writer, &bench->filter);
	writer_add(&writer, 6 << 20, 1);
	if (writer_prepare(&writer, &bench->filter))
		tap_bail("%s", writer.err.text);
	set_claim(bench, 0);
	tap_ok(table_commit(&writer.change, &writer.err) == -EAGAIN &&
		       rule_count(&bench->filter) == before,
	       "a writer whose claim was taken away does not publish (%s)", writer.err.text);
	writer_done(&writer);
	tap_ok(add_alone(&bench->filter, 6 << 20, 1), "and the next one does");
}

/* A writer whose claim was overwritten releases nothing: another writer has the half by now. */
static void test_a_late_abort_takes_nothing(struct bench *bench)
{
	size_t before = rule_count(&bench->filter);
	struct writer late;

	writer_read(&late, &bench->filter);
	writer_add(&late, 3 << 20, 1);
	if (writer_prepare(&late, &bench->filter))
		tap_bail("%s", late.err.text);
	set_claim(bench, 0);
	tap_ok(add_alone(&bench->filter, 3 << 20, MANY_RULES), "another one was quicker");
	table_abort(&late.change);
	writer_done(&late);
	tap_ok(rule_count(&bench->filter) == before + MANY_RULES,
	       "and keeps its rules when the first one gives up");
}

/* In-flight packets may still use a half that a command made obsolete without waiting for them.
 * Here no command can wait, so the half stays as it is. */
static void test_nothing_changes_without_a_wait(struct bench *bench)
{
	struct filter deaf = bench->filter;
	struct memory *before;
	struct writer writer;

	deaf.maps[FILTER_BARRIER] = -1;
	tap_ok(add_alone(&deaf, 2 << 20, 1), "a change that cannot wait for packets");
	writer_read(&writer, &deaf);
	writer_add(&writer, (2 << 20) + 1, 1);
	before = memory_now(bench);
	tap_ok(writer_prepare(&writer, &deaf) && same_memory(before, bench),
	       "the next one cannot either, and takes nothing out of the old table (%s)",
	       writer.err.text);
	writer_done(&writer);
	tap_ok(add_alone(&bench->filter, (2 << 20) + 1, 1), "until one can");
}

/* How many slots of the half have a chunk of its base, without a gap; or -1 if one follows a
 * gap. */
static int chunks_in(const struct ipf_slots *slots, __u32 half)
{
	const __u32 first = half * IPF_HALF_CHUNKS + IPF_HEAD_CHUNKS;
	const __u32 last = half * IPF_HALF_CHUNKS + IPF_HALF_CHUNKS - 1; /* for deltas */
	__u32 end = first, at;

	while (end < last && slots->chunk[end])
		end++;
	for (at = end; at < last; at++)
		if (slots->chunk[at])
			return -1;
	return (int)(end - first);
}

/* A replaced table does not stay in memory. */
static void test_the_old_table_is_given_back(struct bench *bench)
{
	struct memory *memory = memory_now(bench);
	__u32 half = memory->root.generation & 1;
	int live = chunks_in(&memory->slots, half);
	int old = chunks_in(&memory->slots, !half);

	tap_ok(live > 0, "a large table has its chunks side by side (%d)", live);
	tap_ok(old == 0, "the table before it has none any more (%d)", old);
	tap_ok(memory->root.settled == (memory->root.generation & IPF_GENERATION_MASK),
	       "and no packet uses it");
	free(memory);
}

/* Makes this process unable to open anything, or restores its limit. */
static void shut_descriptors(bool shut)
{
	static struct rlimit before;
	struct rlimit none;

	if (shut && getrlimit(RLIMIT_NOFILE, &before))
		tap_bail("the limit cannot be read");
	none = before;
	none.rlim_cur = 0;
	if (setrlimit(RLIMIT_NOFILE, shut ? &none : &before))
		tap_bail("the limit cannot be set");
}

/* Makes the first block of counters, and lets a rule count there. */
static int put_into_block(const struct filter *filter, struct rule *rule, struct ipf_slots **slots)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ipf_test", sizeof(__u32),
				sizeof(struct ipf_counter), IPF_COUNTER_BLOCK, NULL);
	struct bpf_map_info info;

	*slots = slots_map(filter, PROT_READ | PROT_WRITE);
	if (fd < 0 || !*slots || map_info(fd, &info))
		tap_bail("no block of counters");
	(*slots)->block[0] = info.id;
	rule->counter = IPF_FIRST_COUNTERS;
	return fd;
}

/* A map that cannot be opened does not count as missing. */
static void test_nothing_is_overlooked_without_descriptors(struct bench *bench)
{
	struct counter *counters = NULL;
	struct writer writer;
	struct error err = { 0 };
	__u32 first, second, found;
	struct ipf_slots *slots;
	int tickets[2], block, ret;

	tickets[0] = ticket_make("ipf_test", &first);
	tickets[1] = ticket_make("ipf_test", &second);
	if (tickets[0] < 0 || tickets[1] < 0)
		tap_bail("no tickets");
	tap_ok(!ticket_next("ipf_test", first - 1, second, &found) && found == first,
	       "a ticket is found");
	shut_descriptors(true);
	ret = ticket_next("ipf_test", first - 1, second, &found);
	shut_descriptors(false);
	tap_ok(ret == -EMFILE, "without descriptors nobody says that there is none (%d)", ret);
	close(tickets[0]);
	close(tickets[1]);

	writer_read(&writer, &bench->filter);
	block = put_into_block(&bench->filter, &writer.rules.rules[0], &slots);
	ret = counters_read(&bench->filter, &writer.rules, &counters, &err);
	tap_ok(!ret && counters[0].counted, "rules are counted");
	free(counters);
	shut_descriptors(true);
	ret = counters_read(&bench->filter, &writer.rules, &counters, &err);
	shut_descriptors(false);
	tap_ok(ret == -EMFILE, "nor that they are not (%d: %s)", ret, err.text);
	slots->block[0] = 0;
	slots_unmap(slots);
	close(block);
	writer_done(&writer);
}

/* Adds hosts one by one, and repeats each until it succeeds. Returns the number of lost races. */
static int add_racing(const struct filter *filter, unsigned int first)
{
	int lost = 0;

	for (unsigned int i = 0; i < ADDS; i++) {
		for (int ret = -EAGAIN; ret;) {
			struct writer writer;

			writer_read(&writer, filter);
			writer_add(&writer, first + i, 1);
			ret = writer_prepare(&writer, filter);
			if (!ret)
				ret = table_commit(&writer.change, &writer.err);
			writer_done(&writer);
			if (ret && ret != -EAGAIN && ret != -EBUSY)
				_exit(255);
			lost += ret != 0;
		}
	}
	return lost;
}

static void test_many_without_a_lock(struct bench *bench)
{
	size_t before = rule_count(&bench->filter);
	int status, races = 0;
	bool well = true;

	for (unsigned int i = 0; i < WRITERS; i++) {
		pid_t child = fork();

		if (!child) {
			int lost = add_racing(&bench->filter, (7 + i) << 20);

			_exit(lost < 254 ? lost : 254);
		}
		well = well && child > 0;
	}
	while (wait(&status) > 0) {
		well = well && WIFEXITED(status) && WEXITSTATUS(status) != 255;
		races += WEXITSTATUS(status);
	}
	tap_note("%d races were lost, and run again", races);
	tap_ok(well && races, "writers without a lock meet each other");
	tap_ok(rule_count(&bench->filter) == before + WRITERS * ADDS, "and all rules are there");
}

int main(int argc, char **argv)
{
	const char *path = program_object_path(argc, argv), *reason = program_unavailable();
	struct bench bench;

	if (reason)
		return tap_skip_all(reason);
	bench_open(&bench, path);
	test_the_second_is_refused(&bench, 10, "ten rules");
	test_an_abort_gives_way(&bench);
	test_a_killed_one_gives_way(&bench);
	test_damaged_claims(&bench);
	test_nothing_is_overlooked_without_descriptors(&bench);
	test_many_without_a_lock(&bench);
	program_close(&bench.program);
	bench_open(&bench, path);
	test_the_second_is_refused(&bench, MANY_RULES, "200,000 rules");
	test_the_old_table_is_given_back(&bench);
	test_nothing_changes_without_a_wait(&bench);
	test_a_late_abort_takes_nothing(&bench);
	program_close(&bench.program);
	return tap_done();
}
