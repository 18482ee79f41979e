// SPDX-License-Identifier: GPL-2.0
/*
 * Does the XDP program decide and count each frame as the contract says, without changing it?
 *
 *     test_packets [OBJECT]
 *
 * The frames are those of the corpus, in every situation of their source. Then come prefixes and
 * their edges, rules against each other, rules that end, and tables that change or lack a part.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <ruleset/tick.h>

#include "corpus.h"
#include "oracle.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct program programs[2];        /* one for each policy */
static struct program bare_programs[2];   /* the same for links without Ethernet */
static struct program helper_programs[2]; /* the same with frame lengths as before 6.2 */
static const char *const policy_names[][2] = {
	[PROGRAM_LENGTH_BEST] = { "allow", "deny" },
	[PROGRAM_LENGTH_HELPER] = { "allow, lengths by the helper", "deny, lengths by the helper" },
};
static const char *object_path;
static struct frame frame;
static char why[256];

#define EACH_POLICY(program)                  \
	struct program *program = programs;   \
	program < programs + COUNT(programs); \
	program++

static const char *policy_name(const struct program *program)
{
	return policy_names[program->options.length][program->options.policy];
}

static void must(int ret, const char *what)
{
	if (ret)
		tap_bail("%s: %s", what, strerror(-ret));
}

/* Makes this table the live one. */
static void publish(struct program *program, const struct table *table)
{
	unsigned int half = !(program->root->generation & 1);

	must(program_add_blocks_for(program, table->rules.count), "counter blocks");
	must(program_fill(program, half, &table->image), "filling a half");
	program_switch(program, half);
}

static bool expect_frame(struct program *program, struct decision want)
{
	struct program_input input = { .frame = frame.bytes, .size = frame.size };

	return program_expect(program, &input, &want, why, sizeof(why));
}

/* Prints why the previous test failed. */
static void explain(bool ok)
{
	if (!ok)
		tap_note("  %s", why);
}

static __attribute__((format(printf, 2, 3))) void result(bool ok, const char *format, ...)
{
	char name[256];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	tap_ok(ok, "%s", name);
	explain(ok);
}

static struct decision by_policy(const struct program *program)
{
	enum ipf_verdict policy = program->options.policy;

	return (struct decision){
		.verdict = policy,
		.total = policy == IPF_DROP ? IPF_DROPPED : IPF_PASSED,
		.counter = IPF_NO_COUNTER,
	};
}

static struct decision by_rule(enum ipf_verdict verdict, __u32 counter)
{
	return (struct decision){
		.verdict = verdict,
		.total = verdict == IPF_DROP ? IPF_DROPPED : IPF_PASSED,
		.counter = counter,
	};
}

/*
 * The corpus.
 */

static const struct situation {
	const char *name;
	struct rule_line lines[6];
	bool ruled; /* the first line decides for the sources of the corpus */
} situations[] = {
	{ "no rules", { { 0 } }, false },
	{ "rules for others only",
	  { DROP("192.0.2.0"), PASS("192.0.2.2/31"), PASS("2001:db8:1:2:3:4:5:5"),
	    DROP("2001:db8:1:2:3:4:5:7"), DROP("::ffff:1.2.3.4") },
	  false },
	{ "drop rule", { DROP(CORPUS_IPV4), DROP(CORPUS_IPV6) }, true },
	{ "pass rule", { PASS(CORPUS_IPV4), PASS(CORPUS_IPV6) }, true },
	{ "drop rule for all", { DROP("0.0.0.0/0"), DROP("::/0"), PASS("192.0.2.2") }, true },
	{ "drop rule that has ended", { DROP_ENDED(CORPUS_IPV4), DROP_ENDED(CORPUS_IPV6) }, false },
	{ "pass rule that has ended", { PASS_ENDED(CORPUS_IPV4), PASS_ENDED(CORPUS_IPV6) }, false },
	{ "drop rule that will end",
	  { DROP_TO_COME(CORPUS_IPV4), DROP_TO_COME(CORPUS_IPV6) },
	  true },
};

static struct decision for_packet(const struct program *program, const struct packet *packet,
				  const struct situation *situation, const struct table *table)
{
	const struct rule_line *line = &situation->lines[packet->body == BODY_IPV6];

	if (packet->reading == READ_OTHER)
		return (struct decision){ IPF_PASS, IPF_OTHER, IPF_NO_COUNTER };
	if (packet->reading == READ_MALFORMED)
		return (struct decision){ program->options.policy, IPF_MALFORMED, IPF_NO_COUNTER };
	if (situation->ruled)
		return by_rule(line->verdict, table_counter(table, line->prefix, line->verdict));
	if (packet->discovery)
		return (struct decision){ IPF_PASS, IPF_PASSED, IPF_NO_COUNTER };
	return by_policy(program);
}

static void packet_result(struct program *program, const struct packet *packet,
			  const struct situation *situation, const struct table *table)
{
	const char *too_large;

	packet_build(packet, &frame);
	too_large = program_too_large(frame.size);
	if (too_large)
		tap_skip(too_large, "%s, %s: %s", policy_name(program), situation->name,
			 packet->name);
	else
		result(expect_frame(program, for_packet(program, packet, situation, table)),
		       "%s, %s: %s", policy_name(program), situation->name, packet->name);
}

/* Frames, with the programs that read them. */
static const struct medium {
	struct program *programs;
	const struct packet *packets;
	const size_t *count;
} media[] = {
	{ programs, corpus, &corpus_count },
	{ bare_programs, bare_corpus, &bare_corpus_count },
	{ helper_programs, corpus, &corpus_count },
};

static void test_frames(struct program *program, const struct medium *medium,
			const struct situation *situation, const struct table *table)
{
	for (size_t i = 0; i < *medium->count; i++)
		packet_result(program, &medium->packets[i], situation, table);
}

/* What is to be dropped is counted so, and passes: what program_expect() expects then. */
static void test_observing(void)
{
	static const struct situation none = { .name = "observing, no rules" };
	static const struct situation ruled = {
		.name = "observing, drop rule",
		.lines = { DROP(CORPUS_IPV4), DROP(CORPUS_IPV6) },
		.ruled = true,
	};
	struct table tables[2];

	table_from_lines(&tables[0], none.lines, 0);
	table_from_lines(&tables[1], ruled.lines, 2);
	for (size_t i = 0; i < 2 * COUNT(media); i++) {
		const struct medium *medium = &media[i / 2];
		struct program *program = &medium->programs[i % 2];

		program->root->modes.observe = 1;
		publish(program, &tables[0]);
		test_frames(program, medium, &none, &tables[0]);
		publish(program, &tables[1]);
		test_frames(program, medium, &ruled, &tables[1]);
		program->root->modes.observe = 0;
	}
	table_done(&tables[0]);
	table_done(&tables[1]);
}

/* A table that was never filled, as after `xdp-loader load`. */
static void test_no_table(void)
{
	static const struct situation none = { .name = "no table" };

	for (size_t m = 0; m < COUNT(media); m++)
		for (unsigned int policy = 0; policy < 2; policy++)
			test_frames(&media[m].programs[policy], &media[m], &none, NULL);
}

static void test_corpus(void)
{
	for (size_t s = 0; s < COUNT(situations); s++) {
		const struct situation *situation = &situations[s];
		struct table table;

		table_from_lines(&table, situation->lines, COUNT(situation->lines));
		for (size_t m = 0; m < COUNT(media); m++) {
			for (unsigned int policy = 0; policy < 2; policy++) {
				struct program *program = &media[m].programs[policy];

				publish(program, &table);
				test_frames(program, &media[m], situation, &table);
			}
		}
		table_done(&table);
	}
}

/* Every length from 14 bytes to one past all headers. What a truncated frame is follows from where
 * the last header ends, and from nothing else. */
static bool truncations(struct program *program, const struct packet *packet, __u32 tags,
			struct decision whole)
{
	static const __u32 header_sizes[] = { [BODY_IPV4] = 20, [BODY_IPV6] = 40, [BODY_ARP] = 0 };
	__u32 start = packet->bare ? 0 : FRAME_MIN + 4 * tags + packet->session_size;
	__u32 end = start + header_sizes[packet->body];
	struct decision malformed = { program->options.policy, IPF_MALFORMED, IPF_NO_COUNTER };
	__u32 full = end + 2;

	packet_build(packet, &frame);
	assert(frame.size >= full);
	for (__u32 size = FRAME_MIN; size <= full; size++) {
		char reason[128];

		frame.size = size;
		if (expect_frame(program, size < end || tags > 4 ? malformed : whole))
			continue;
		snprintf(reason, sizeof(reason), "truncated to %u bytes: %.100s", size, why);
		strcpy(why, reason);
		return false;
	}
	return true;
}

static void test_truncations(void)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4), PASS(CORPUS_IPV6) };
	static const char *const names[] = { "IPv4", "IPv6", "ARP" };
	static const struct packet sessions[] = {
		{ .body = BODY_IPV4,
		  .ethertype = 0x8864,
		  .session = { 0x11, 0, 0, 1, 0, 86, 0, 0x21 },
		  .session_size = 8 },
		{ .body = BODY_IPV6,
		  .ethertype = 0x8864,
		  .session = { 0x11, 0, 0, 1, 0, 86, 0x57 },
		  .session_size = 7 },
	};
	static const __u16 tpids[] = { 0x88a8, 0x8100, 0x9100, 0x8100, 0x8100 };
	struct table table;

	table_from_lines(&table, lines, COUNT(lines));
	for (EACH_POLICY(program)) {
		struct decision whole[] = {
			[BODY_IPV4] =
				by_rule(IPF_DROP, table_counter(&table, CORPUS_IPV4, IPF_DROP)),
			[BODY_IPV6] =
				by_rule(IPF_PASS, table_counter(&table, CORPUS_IPV6, IPF_PASS)),
			[BODY_ARP] = { IPF_PASS, IPF_OTHER, IPF_NO_COUNTER },
		};

		publish(program, &table);
		for (enum body body = BODY_IPV4; body <= BODY_ARP; body++) {
			for (__u32 tags = 0; tags <= 5; tags++) {
				struct packet packet = { .body = body };

				memcpy(packet.tags, tpids, tags * sizeof(tpids[0]));
				result(truncations(program, &packet, tags, whole[body]),
				       "%s, %s after %u tags, truncated at every byte",
				       policy_name(program), names[body], tags);
				if (body == BODY_ARP)
					continue;
				packet = sessions[body];
				memcpy(packet.tags, tpids, tags * sizeof(tpids[0]));
				result(truncations(program, &packet, tags, whole[body]),
				       "%s, %s in PPPoE after %u tags, truncated at every byte",
				       policy_name(program), names[body], tags);
			}
		}
		program = &bare_programs[program - programs];
		publish(program, &table);
		for (enum body body = BODY_IPV4; body <= BODY_IPV6; body++)
			result(truncations(program, &(struct packet){ .body = body, .bare = true },
					   0, whole[body]),
			       "%s, bare %s, truncated at every byte", policy_name(program),
			       names[body]);
		program = &programs[program - bare_programs];
	}
	table_done(&table);
}

/* In newer kernels (6.18, and stable ones since), a test run can choose how much of the frame is in
 * the first buffer. Others refuse, or fill that buffer anyway. */
static bool can_split(struct program *program)
{
	struct xdp_md in = { .data_end = 20 }, out = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out),
		    .repeat = 1);
	int ret;

	packet_build(&corpus[0], &frame);
	options.data_size_in = frame.size;
	ret = bpf_prog_test_run_opts(program->fd, &options);
	program_accept_counters(program, PROGRAM_COUNTERS);
	return !ret && out.data_end - out.data == 20;
}

static bool split_everywhere(struct program *program, struct decision want)
{
	static const __u32 firsts[] = { 1,  13, 14, 15, 17, 18, 20, 21, 22, 26, 33,
					34, 35, 39, 40, 41, 42, 53, 54, 55, 61, 62,
					63, 69, 70, 71, 72, 77, 78, 79, 80 };
	struct program_input input = { .frame = frame.bytes, .size = frame.size };

	for (size_t i = 0; i < COUNT(firsts) && firsts[i] < frame.size; i++) {
		char reason[128];

		input.linear = firsts[i];
		if (program_expect(program, &input, &want, why, sizeof(why)))
			continue;
		snprintf(reason, sizeof(reason), "first buffer of %u bytes: %.90s", firsts[i], why);
		strcpy(why, reason);
		return false;
	}
	return true;
}

static void test_split_frames(struct program *program, const struct medium *medium,
			      const struct situation *situation, const struct table *table,
			      const char *reason)
{
	for (size_t i = 0; i < *medium->count; i++) {
		const struct packet *packet = &medium->packets[i];

		if (reason) {
			tap_skip(reason, "%s, split headers: %s", policy_name(program),
				 packet->name);
			continue;
		}
		packet_build(packet, &frame);
		result(split_everywhere(program, for_packet(program, packet, situation, table)),
		       "%s, split headers: %s", policy_name(program), packet->name);
	}
}

/* As some drivers do: the headers are in two buffers, or begin only in the second. */
static void test_split_headers(void)
{
	static const struct situation with_rule = { "",
						    { DROP(CORPUS_IPV4), DROP(CORPUS_IPV6) },
						    true };
	static const struct situation without = { "", { DROP("192.0.2.2") }, false };
	const char *reason =
		can_split(&programs[0]) ? NULL : "this kernel's test runs cannot split headers";

	for (size_t i = 0; i < 2 * COUNT(media); i++) {
		struct program *program = &media[i / 2].programs[i % 2];
		/* Rules for all under allow; none under deny, where neighbour discovery matters. */
		const struct situation *situation =
			program->options.policy == IPF_PASS ? &with_rule : &without;
		struct table table;

		table_from_lines(&table, situation->lines, COUNT(situation->lines));
		publish(program, &table);
		test_split_frames(program, &media[i / 2], situation, &table, reason);
		table_done(&table);
	}
}

/* A program that runs before the filter can put metadata before the frame. */
static void test_metadata(void)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4), DROP(CORPUS_IPV6) };
	static const __u32 metas[] = { 4, 8, 32 };
	struct program *program = &programs[IPF_PASS];
	const char *no_metadata = program_no_metadata();
	__u8 *room = malloc(sizeof(frame.bytes) + 64);
	struct table table;

	if (!room)
		tap_bail("no memory");
	table_from_lines(&table, lines, COUNT(lines));
	publish(program, &table);
	for (size_t i = 0; i < COUNT(metas); i++) {
		struct packet packet = { .body = BODY_IPV4, .tags = { 0x8100 } };
		struct program_input input = { .frame = room, .meta = metas[i] };
		struct decision want =
			by_rule(IPF_DROP, table_counter(&table, CORPUS_IPV4, IPF_DROP));

		packet_build(&packet, &frame);
		memset(room, 0x45, metas[i]);
		memcpy(room + metas[i], frame.bytes, frame.size);
		input.size = metas[i] + frame.size;
		if (no_metadata)
			tap_skip(no_metadata, "%u bytes of metadata in front", metas[i]);
		else
			result(program_expect(program, &input, &want, why, sizeof(why)),
			       "%u bytes of metadata in front", metas[i]);
	}
	free(room);
	table_done(&table);
}

/*
 * Prefixes and their edges.
 */

struct edge {
	const char *name;
	struct ipf_key source;
	bool inside;
};

static bool edges(struct program *program, const struct prefix *prefix, struct decision inside)
{
	struct ipf_key first = prefix->key;
	struct ipf_key last = prefix_last(prefix);
	struct edge cases[] = {
		{ "first", first, true },
		{ "last", last, true },
		{ "one before", key_before(prefix->family, first), prefix->bits == 0 },
		{ "one after", key_after(prefix->family, last), prefix->bits == 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char reason[128];

		frame_from(prefix->family, &cases[i].source, &frame);
		if (expect_frame(program, cases[i].inside ? inside : by_policy(program)))
			continue;
		snprintf(reason, sizeof(reason), "%s address: %.100s", cases[i].name, why);
		strcpy(why, reason);
		return false;
	}
	return true;
}

/* Three addresses of each family with different patterns of bits, with prefixes of every length. */
static void test_prefix_edges(void)
{
	static const struct {
		enum ipf_family family;
		struct ipf_key key;
	} addresses[] = {
		{ IPF_IPV4, { 0xc0a85a5a00000000, 0 } },
		{ IPF_IPV4, { 0, 0 } },
		{ IPF_IPV4, { 0xffffffff00000000, 0 } },
		{ IPF_IPV6, { 0x20010db8a5a55a5a, 0x123456789abcdef1 } },
		{ IPF_IPV6, { 0, 0 } },
		{ IPF_IPV6, { ~0ull, ~0ull } },
	};

	for (size_t i = 0; i < COUNT(addresses); i++) {
		enum ipf_family family = addresses[i].family;

		for (unsigned int bits = 0; bits <= address_family_bits(family); bits++) {
			__u64 high = bits >= 64 ? ~0ull : bits ? ~0ull << (64 - bits) : 0;
			__u64 low = bits >= 128 ? ~0ull : bits > 64 ? ~0ull << (128 - bits) : 0;
			struct prefix prefix = {
				.family = (__u8)family,
				.bits = (__u8)bits,
				.key = { addresses[i].key.high & high, addresses[i].key.low & low },
			};
			struct program *program = &programs[bits & 1];
			enum ipf_verdict verdict = program->options.policy == IPF_DROP ? IPF_PASS :
											 IPF_DROP;
			struct rule rule = { .prefix = prefix,
					     .verdict = (__u8)verdict,
					     .counter = IPF_NO_COUNTER };
			char text[PREFIX_TEXT_SIZE];
			struct table table;

			table_from_rules(&table, &rule, 1, 1);
			publish(program, &table);
			prefix_format(&prefix, text);
			result(edges(program, &prefix,
				     by_rule(verdict, table.rules.rules[0].counter)),
			       "%s, edges of %s%s", policy_name(program), text,
			       bits == address_family_bits(family) ? " (host)" : "");
			table_done(&table);
		}
	}
}

/*
 * Rules against each other.
 */

#define BY_POLICY (-1)

static const struct rule_case {
	const char *name;
	enum ipf_verdict policy;
	struct rule_line lines[7];
	const char *source;
	int decides; /* which line, or BY_POLICY */
} rule_cases[] = {
	/* clang-format off */
	{ "host inside a denied net", IPF_PASS,
	  { DROP("192.0.2.0/24") }, "192.0.2.7", 0 },
	{ "first address after the net", IPF_PASS,
	  { DROP("192.0.2.0/24") }, "192.0.3.0", BY_POLICY },
	{ "IPv6 is not hit by 0.0.0.0/0", IPF_PASS,
	  { DROP("0.0.0.0/0") }, "2001:db8::1", BY_POLICY },
	{ "IPv4 is not hit by ::/0", IPF_PASS,
	  { DROP("::/0") }, "192.0.2.1", BY_POLICY },
	{ "IPv4 is not hit by an IPv6 prefix with the same first bits", IPF_PASS,
	  { DROP("c000:201::/32") }, "192.0.2.1", BY_POLICY },
	{ "IPv6 is not hit by an IPv4 prefix with the same first bits", IPF_PASS,
	  { DROP("32.1.13.184") }, "2001:db8::", BY_POLICY },
	{ "an exception passes", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.1.2.3") }, "10.1.2.3", 1 },
	{ "beside an exception", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.1.2.3") }, "10.1.2.4", 0 },
	{ "before an exception", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.1.2.3") }, "10.1.2.2", 0 },
	{ "an exception at the start of its net", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.0.0.0") }, "10.0.0.0", 1 },
	{ "an exception at the end of its net", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.255.255.255") }, "10.255.255.255", 1 },
	{ "after an exception at the end of its net", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.255.255.255") }, "11.0.0.0", BY_POLICY },
	{ "a drop inside an exception", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.1.0.0/16"), DROP("10.1.2.0/24") },
	  "10.1.2.9", 2 },
	{ "around a drop inside an exception", IPF_PASS,
	  { DROP("10.0.0.0/8"), PASS("10.1.0.0/16"), DROP("10.1.2.0/24") },
	  "10.1.3.0", 1 },
	{ "policy deny: what has a rule passes", IPF_DROP,
	  { PASS("192.0.2.0/24") }, "192.0.2.255", 0 },
	{ "policy deny: what has none is dropped", IPF_DROP,
	  { PASS("192.0.2.0/24") }, "192.0.1.255", BY_POLICY },
	{ "policy deny: a drop inside a pass", IPF_DROP,
	  { PASS("192.0.2.0/24"), DROP("192.0.2.128/25") }, "192.0.2.128", 1 },
	{ "all of IPv4 dropped, one net passes", IPF_PASS,
	  { DROP("0.0.0.0/0"), PASS("172.16.0.0/12") }, "172.31.255.255", 1 },
	{ "all of IPv4 dropped, beside the net that passes", IPF_PASS,
	  { DROP("0.0.0.0/0"), PASS("172.16.0.0/12") }, "172.32.0.0", 0 },
	{ "0.0.0.0", IPF_PASS, { DROP("0.0.0.0") }, "0.0.0.0", 0 },
	{ "255.255.255.255", IPF_PASS, { DROP("255.255.255.255") }, "255.255.255.255", 0 },
	{ "neighbours: the lower", IPF_PASS,
	  { DROP("198.51.100.0/25"), DROP("198.51.100.128/25") }, "198.51.100.127", 0 },
	{ "neighbours: the upper", IPF_PASS,
	  { DROP("198.51.100.0/25"), DROP("198.51.100.128/25") }, "198.51.100.128", 1 },
	{ "a redundant rule inside its like", IPF_PASS,
	  { DROP("198.51.100.0/24"), DROP("198.51.100.64/26") }, "198.51.100.64", 1 },
	{ "many lengths over one address", IPF_PASS,
	  { DROP("128.0.0.0/1"), PASS("192.0.0.0/8"), DROP("192.0.0.0/15"),
	    PASS("192.0.0.0/16"), DROP("192.0.0.0/17"), PASS("192.0.2.0/31") },
	  "192.0.2.1", 5 },
	{ "many lengths, the /17", IPF_PASS,
	  { DROP("128.0.0.0/1"), PASS("192.0.0.0/8"), DROP("192.0.0.0/15"),
	    PASS("192.0.0.0/16"), DROP("192.0.0.0/17"), PASS("192.0.2.0/31") },
	  "192.0.2.2", 4 },
	{ "many lengths, the /1", IPF_PASS,
	  { DROP("128.0.0.0/1"), PASS("192.0.0.0/8"), DROP("192.0.0.0/15"),
	    PASS("192.0.0.0/16"), DROP("192.0.0.0/17"), PASS("192.0.2.0/31") },
	  "255.255.255.255", 0 },
	{ "IPv6 host", IPF_PASS, { DROP("2001:db8::5") }, "2001:db8::5", 0 },
	{ "IPv6, one past the host", IPF_PASS, { DROP("2001:db8::5") }, "2001:db8::6", BY_POLICY },
	{ "IPv6 exception inside a /32", IPF_PASS,
	  { DROP("2001:db8::/32"), PASS("2001:db8:1::/48") }, "2001:db8:1:ffff::1", 1 },
	{ "IPv6 /64 and its host, the host", IPF_DROP,
	  { PASS("2001:db8:0:1::/64"), DROP("2001:db8:0:1::bad") }, "2001:db8:0:1::bad", 1 },
	{ "IPv6 differs in the low word only", IPF_PASS,
	  { DROP("2001:db8::8000:0:0:0") }, "2001:db8::7fff:ffff:ffff:ffff", BY_POLICY },
	{ "IPv6 low words compare unsigned", IPF_PASS,
	  { DROP("2001:db8::8000:0:0:0/65") }, "2001:db8::ffff:ffff:ffff:ffff", 0 },
	{ "IPv6 high words compare unsigned", IPF_PASS,
	  { DROP("8000::/1") }, "ff02::1", 0 },
	{ "IPv6 link-local", IPF_DROP, { PASS("fe80::/10") }, "febf:ffff::1", 0 },
	{ "IPv6 unspecified", IPF_PASS, { DROP("::") }, "::", 0 },
	{ "IPv6 loopback beside the unspecified", IPF_PASS, { DROP("::") }, "::1", BY_POLICY },
	{ "in two sets: pass wins over drop", IPF_PASS,
	  { DROP_IN("a", "192.0.2.1"), PASS_IN("b", "192.0.2.1") }, "192.0.2.1", 1 },
	{ "in two sets, the other way round", IPF_PASS,
	  { PASS_IN("a", "192.0.2.1"), DROP_IN("b", "192.0.2.1") }, "192.0.2.1", 0 },
	{ "in two sets: the longer wins, whatever its verdict", IPF_PASS,
	  { PASS_IN("a", "192.0.2.0/24"), DROP_IN("b", "192.0.2.1") }, "192.0.2.1", 1 },
	{ "an ended rule: the policy", IPF_PASS,
	  { DROP_ENDED("192.0.2.1") }, "192.0.2.1", BY_POLICY },
	{ "an ended rule under deny: the policy", IPF_DROP,
	  { PASS_ENDED("192.0.2.1") }, "192.0.2.1", BY_POLICY },
	{ "an ended exception: the net around it", IPF_PASS,
	  { DROP("192.0.2.0/24"), PASS_ENDED("192.0.2.1") }, "192.0.2.1", 0 },
	{ "an exception that will end", IPF_PASS,
	  { DROP("192.0.2.0/24"), PASS_TO_COME("192.0.2.1") }, "192.0.2.1", 1 },
	{ "an ended net around a rule", IPF_PASS,
	  { DROP_ENDED("192.0.2.0/24"), DROP("192.0.2.1") }, "192.0.2.1", 1 },
	{ "an ended net beside a rule", IPF_PASS,
	  { DROP_ENDED("192.0.2.0/24"), DROP("192.0.2.1") }, "192.0.2.2", BY_POLICY },
	{ "three ended, the fourth decides", IPF_PASS,
	  { DROP("0.0.0.0/0"), PASS_ENDED("192.0.0.0/8"),
	    PASS_ENDED("192.0.2.0/24"), PASS_ENDED("192.0.2.1") }, "192.0.2.1", 0 },
	{ "all ended", IPF_PASS,
	  { DROP_ENDED("0.0.0.0/0"), DROP_ENDED("192.0.0.0/8"),
	    DROP_ENDED("192.0.2.1") }, "192.0.2.1", BY_POLICY },
	{ "pass of one set ended: the other set's drop", IPF_PASS,
	  { PASS_ENDED_IN("a", "192.0.2.1"), DROP_IN("b", "192.0.2.1") }, "192.0.2.1", 1 },
	{ "drop of one set ended: the other set's drop stays", IPF_PASS,
	  { DROP_ENDED_IN("a", "192.0.2.1"), DROP_IN("b", "192.0.2.1") }, "192.0.2.1", 1 },
	{ "both verdicts ended: the net around", IPF_DROP,
	  { DROP_ENDED_IN("a", "192.0.2.1"), PASS_ENDED_IN("b", "192.0.2.1"),
	    PASS("192.0.0.0/16") }, "192.0.2.1", 2 },
	{ "IPv6, an ended exception", IPF_PASS,
	  { DROP("2001:db8::/32"), PASS_ENDED("2001:db8::1") }, "2001:db8::1", 0 },
	{ "IPv6, all ended", IPF_DROP,
	  { PASS_ENDED("::/0"), PASS_ENDED("2001:db8::/32") }, "2001:db8::1", BY_POLICY },
	/* clang-format on */
};

static void test_rules(void)
{
	for (size_t i = 0; i < COUNT(rule_cases); i++) {
		const struct rule_case *rule_case = &rule_cases[i];
		struct program *program = &programs[rule_case->policy];
		struct decision want = by_policy(program);
		struct prefix source = prefix_of(rule_case->source);
		struct table table;

		table_from_lines(&table, rule_case->lines, COUNT(rule_case->lines));
		if (rule_case->decides != BY_POLICY) {
			const struct rule_line *line = &rule_case->lines[rule_case->decides];

			want = by_rule(line->verdict,
				       table_counter(&table, line->prefix, line->verdict));
		}
		publish(program, &table);
		frame_from(source.family, &source.key, &frame);
		result(expect_frame(program, want), "%s, %s from %s", policy_name(program),
		       rule_case->name, rule_case->source);
		table_done(&table);
	}
}

/* An IPv6 packet from a mapped address is IPv6. In rules, such an address means IPv4. */
static void test_mapped_source(void)
{
	static const struct rule_line lines[] = { DROP("::ffff:192.0.2.1") };
	struct ipf_key mapped = { 0, 0xffffc0000201 };
	struct program *program = &programs[IPF_PASS];
	struct packet plain = { .body = BODY_IPV4 };
	struct table table;

	table_from_lines(&table, lines, COUNT(lines));
	publish(program, &table);
	packet_build(&plain, &frame);
	result(expect_frame(program, by_rule(IPF_DROP, table.rules.rules[0].counter)),
	       "a rule for ::ffff:192.0.2.1 drops IPv4 from 192.0.2.1");
	frame_from(IPF_IPV6, &mapped, &frame);
	result(expect_frame(program, by_policy(program)),
	       "a rule for ::ffff:192.0.2.1 does not hit an IPv6 header with that source");
	table_done(&table);
}

/* The longest possible chains of ended rules. */
static void test_long_chains(void)
{
	static const enum ipf_family families[] = { IPF_IPV4, IPF_IPV6 };

	for (size_t f = 0; f < COUNT(families); f++) {
		unsigned int lengths = address_family_bits(families[f]) + 1;
		struct program *program = &programs[IPF_PASS];

		for (int live = 0; live < 3; live++) {
			struct rule rules[2 * 129] = { 0 };
			__u32 now = tick_now();
			struct decision want = by_policy(program);
			struct table table;

			if (now <= COUNT(rules)) {
				tap_skip("the machine has only just started",
					 "%s, ended rules over one address",
					 address_family_name(families[f]));
				continue;
			}
			/* Each length with both verdicts, in two sets. */
			for (unsigned int i = 0; i < 2 * lengths; i++) {
				rules[i].prefix.family = (__u8)families[f];
				rules[i].prefix.bits = (__u8)(i / 2);
				rules[i].verdict = i & 1 ? IPF_DROP : IPF_PASS;
				rules[i].set = i & 1;
				/* Each ends before the one after it: a rule that could never
				 * decide is not in the chain. */
				rules[i].expires = now - 2 * (i / 2) - !(i & 1);
				rules[i].counter = IPF_NO_COUNTER;
			}
			if (live == 1)
				rules[1].expires = IPF_NEVER;
			if (live == 2)
				rules[2 * lengths - 1].expires = IPF_NEVER;
			table_from_rules(&table, rules, 2 * lengths, 2);
			if (live)
				want = by_rule(IPF_DROP,
					       table_counter(&table,
							     live == 1 ? f ? "::/0" : "0.0.0.0/0" :
							     f         ? "::" :
									 "0.0.0.0",
							     IPF_DROP));
			publish(program, &table);
			frame_from(families[f], &(struct ipf_key){ 0, 0 }, &frame);
			result(expect_frame(program, want),
			       "%s, %u ended rules over one address, %s",
			       address_family_name(families[f]), 2 * lengths - !!live,
			       live == 0 ? "no other" :
			       live == 1 ? "the shortest drop lives" :
					   "the longest drop lives");
			table_done(&table);
		}
	}
}

/* Sends frames until the tick at which a rule ends. */
static void test_rule_ends(void)
{
	struct program *program = &programs[IPF_PASS];
	struct prefix prefix = prefix_of(CORPUS_IPV4);
	struct rule rule = { .prefix = prefix, .verdict = IPF_DROP, .counter = IPF_NO_COUNTER };
	struct packet plain = { .body = BODY_IPV4 };
	struct program_input input = { .frame = frame.bytes };
	unsigned int wrong = 0, before = 0, after = 0;
	struct table table;

	rule.expires = tick_now() + 2;
	table_from_rules(&table, &rule, 1, 1);
	publish(program, &table);
	packet_build(&plain, &frame);
	input.size = frame.size;
	while (after < 10) {
		__u32 from = tick_now();
		__u32 action;

		must(program_run(program, &input, 1, &action), "test run");
		if (tick_now() < rule.expires) {
			before++;
			wrong += action != XDP_DROP;
		} else if (from >= rule.expires) {
			after++;
			wrong += action != XDP_PASS;
		}
	}
	program_accept_counters(program, 1);
	snprintf(why, sizeof(why), "%u wrong of %u before and %u after", wrong, before, after);
	result(before && !wrong, "a rule ends at its tick, without anyone's doing");
	table_done(&table);
}

/*
 * Tables that change or lack a part.
 */

static void test_switch(void)
{
	static const struct rule_line old_lines[] = { DROP(CORPUS_IPV4) };
	static const struct rule_line new_lines[] = { DROP("10.0.0.0/8"), PASS("192.0.2.0/24") };
	struct packet plain = { .body = BODY_IPV4 };

	for (EACH_POLICY(program)) {
		struct table old, new;
		struct decision by_old, by_new;

		table_from_lines(&old, old_lines, COUNT(old_lines));
		table_from_lines(&new, new_lines, COUNT(new_lines));
		by_old = by_rule(IPF_DROP, table_counter(&old, CORPUS_IPV4, IPF_DROP));
		by_new = by_rule(IPF_PASS, table_counter(&new, "192.0.2.0/24", IPF_PASS));
		must(program_fill(program, 0, &old.image), "filling half 0");
		must(program_fill(program, 1, &new.image), "filling half 1");
		packet_build(&plain, &frame);
		for (unsigned int turn = 0; turn < 6; turn++) {
			program_switch(program, turn & 1);
			result(expect_frame(program, turn & 1 ? by_new : by_old),
			       "%s, half %u is live, turn %u", policy_name(program), turn & 1,
			       turn);
		}
		/* Only the lowest bit names a half. */
		program_switch(program, 2);
		result(expect_frame(program, by_old), "%s, generation 2 is half 0",
		       policy_name(program));
		program->root->generation = ~0ull;
		result(expect_frame(program, by_new), "%s, generation -1 is half 1",
		       policy_name(program));
		/* Filling the other half changes nothing yet. */
		must(program_fill(program, 0, &new.image), "filling half 0");
		program_switch(program, 1);
		must(program_fill(program, 0, &(struct image){ 0 }), "emptying half 0");
		result(expect_frame(program, by_new), "%s, emptying the other half changes nothing",
		       policy_name(program));
		program_switch(program, 0);
		result(expect_frame(program, by_policy(program)), "%s, the empty half goes live",
		       policy_name(program));
		table_done(&old);
		table_done(&new);
	}
}

struct switcher {
	struct program *program;
	bool stop;
	unsigned long switches;
};

static void *switch_on_and_on(void *data)
{
	struct switcher *switcher = data;

	while (!__atomic_load_n(&switcher->stop, __ATOMIC_RELAXED))
		program_switch(switcher->program, ++switcher->switches & 1);
	return NULL;
}

/* While the live half changes, one of two tables decides and counts each packet. The deciding rule
 * has different numbers in the two, and a mixture of both would count on a third. */
static void test_switch_under_traffic(void)
{
	enum { FRAMES = 3000000 };
	static const char *const others[] = { "9.0.0.1", "9.0.0.2", "9.0.0.3", "9.0.0.4" };
	struct program *program = &programs[IPF_PASS];
	struct switcher switcher = { .program = program };
	struct packet plain = { .body = BODY_IPV4 };
	struct program_input input = { .frame = frame.bytes };
	struct ipf_counter dropped, passed, drop_rule, pass_rule;
	struct rule_line lines[5] = { 0 };
	struct table tables[2];
	cpu_set_t all;
	pthread_t thread;
	__u64 frames;
	__u32 action;

	/* Half 0 has four rules before ours. Half 1 has one, and ours has the other verdict. */
	for (size_t i = 0; i < 4; i++)
		lines[i] = (struct rule_line){ .prefix = others[i], .verdict = IPF_DROP };
	lines[4] = (struct rule_line){ .prefix = CORPUS_IPV4, .verdict = IPF_DROP };
	table_from_lines(&tables[0], lines, 5);
	lines[1] = (struct rule_line){ .prefix = "192.0.2.0/24", .verdict = IPF_PASS };
	lines[2] = (struct rule_line){ .prefix = "200.0.0.0/8", .verdict = IPF_PASS };
	table_from_lines(&tables[1], lines, 3);
	for (unsigned int half = 0; half < 2; half++)
		must(program_fill(program, half, &tables[half].image), "filling a half");
	program_accept_counters(program, 16);

	CPU_ZERO(&all);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &all);
	if (pthread_create(&thread, NULL, switch_on_and_on, &switcher))
		tap_bail("no thread");
	pthread_setaffinity_np(thread, sizeof(all), &all);
	packet_build(&plain, &frame);
	input.size = frame.size;
	must(program_run(program, &input, FRAMES, &action), "test run");
	__atomic_store_n(&switcher.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);

	drop_rule = program_rule_counter(program, table_counter(&tables[0], CORPUS_IPV4, IPF_DROP));
	pass_rule =
		program_rule_counter(program, table_counter(&tables[1], "192.0.2.0/24", IPF_PASS));
	drop_rule.packets -=
		program->counters[table_counter(&tables[0], CORPUS_IPV4, IPF_DROP)].packets;
	pass_rule.packets -=
		program->counters[table_counter(&tables[1], "192.0.2.0/24", IPF_PASS)].packets;
	dropped = program_total(program, IPF_DROPPED);
	passed = program_total(program, IPF_PASSED);
	dropped.packets -= program->totals[IPF_DROPPED].packets;
	passed.packets -= program->totals[IPF_PASSED].packets;
	frames = dropped.packets + passed.packets;
	snprintf(why, sizeof(why),
		 "%llu dropped, %llu by the rule; %llu passed, %llu by the rule; %lu switches",
		 dropped.packets, drop_rule.packets, passed.packets, pass_rule.packets,
		 switcher.switches);
	result(frames == FRAMES && drop_rule.packets == dropped.packets &&
		       pass_rule.packets == passed.packets,
	       "each of %d frames meets one whole table while the halves change", FRAMES);
	tap_note("  %lu switches, %llu frames by half 0, %llu by half 1", switcher.switches,
		 dropped.packets, passed.packets);
	program_accept_counters(program, 16);
	for (unsigned int half = 0; half < 2; half++)
		table_done(&tables[half]);
}

/* Enough rules that the parts of the table are in several chunks. */
static void many_rules(struct table *table)
{
	enum { RULES = 150000, APART = 14000 };
	struct rule *rules = calloc(2 * RULES, sizeof(*rules));

	if (!rules)
		tap_bail("no memory");
	for (__u64 i = 0; i < RULES; i++) {
		rules[2 * i] = (struct rule){
			.prefix = { .family = IPF_IPV4,
				    .bits = 32,
				    .key = { (2 * i * APART) << 32, 0 } },
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
		rules[2 * i + 1] = (struct rule){
			.prefix = { .family = IPF_IPV6,
				    .bits = 128,
				    .key = { 0x20010db8ull << 32, 2 * i } },
			.verdict = IPF_DROP,
			.counter = IPF_NO_COUNTER,
		};
	}
	table_from_rules(table, rules, 2 * RULES, 1);
	free(rules);
}

static const struct rule *sample(const struct table *table, size_t i, size_t of)
{
	return &table->rules.rules[(table->rules.count - 1) * i / (of - 1)];
}

/* Frames from addresses with a rule, spread over the table. With all chunks, the rule decides. If a
 * lookup needs a missing chunk, the policy decides. */
static void test_missing_chunk(void)
{
	enum { SAMPLES = 64 };
	struct table table;
	unsigned int chunks;
	size_t half;

	many_rules(&table);
	chunks = (unsigned int)(table.image.body / IPF_CHUNK_SIZE);
	for (EACH_POLICY(program)) {
		bool ok = true;

		publish(program, &table);
		half = program->root->generation & 1;
		for (size_t i = 0; i < SAMPLES && ok; i++) {
			const struct rule *rule = sample(&table, i, SAMPLES);

			frame_from(rule->prefix.family, &rule->prefix.key, &frame);
			ok = expect_frame(program, by_rule(IPF_DROP, rule->counter));
			if (!ok)
				break;
			/* Odd addresses have no rule. */
			frame_from(rule->prefix.family,
				   &(struct ipf_key){ rule->prefix.key.high |
							      (rule->prefix.family == IPF_IPV4 ?
								       1ull << 32 :
								       0),
						      rule->prefix.key.low |
							      (rule->prefix.family == IPF_IPV6) },
				   &frame);
			ok = expect_frame(program, by_policy(program));
		}
		result(ok, "%s, a table of %u chunks, %zu rules", policy_name(program), chunks,
		       table.rules.count);

		for (unsigned int chunk = IPF_HEAD_CHUNKS; chunk < chunks; chunk++) {
			bool sane = true;

			must(program_remove_chunk(program, (unsigned int)half, chunk),
			     "removing a chunk");
			for (size_t i = 0; i < SAMPLES && sane; i++) {
				const struct rule *rule = sample(&table, i, SAMPLES);
				struct program_input input = { .frame = frame.bytes };
				__u64 counted;
				__u32 action;

				/* Only the engine knows which lookups use the chunk. Here, the
				 * answer must be that of the rule or the policy, and counted as
				 * such. */
				frame_from(rule->prefix.family, &rule->prefix.key, &frame);
				input.size = frame.size;
				must(program_run(program, &input, 1, &action), "test run");
				program_accept_counters(program, 0);
				/* Without the chunk of its counter, a rule decides uncounted. */
				counted = program_rule_counter(program, rule->counter).packets -
					  program->counters[rule->counter].packets;
				program->counters[rule->counter].packets += counted;
				sane = counted <= (action == XDP_DROP) &&
				       (action == XDP_DROP || program->options.policy == IPF_PASS);
				if (!sane)
					snprintf(why, sizeof(why), "sample %zu: action %u", i,
						 action);
			}
			program_accept_counters(program, (__u32)table.rules.count);
			result(sane, "%s, chunk %u of %u is missing", policy_name(program), chunk,
			       chunks);
			must(program_fill(program, (unsigned int)half, &table.image),
			     "filling again");
		}
		frame_from(IPF_IPV4, &table.rules.rules[0].prefix.key, &frame);
		result(expect_frame(program, by_rule(IPF_DROP, table.rules.rules[0].counter)),
		       "%s, the chunks are back", policy_name(program));
	}
	table_done(&table);
}

/* Moves the counter of the table's only rule, an IPv4 host, whose point has the slot. */
static void move_counter(struct program *program, struct table *table, __u32 slot)
{
	const struct ipf_layout *layout = &image_header(&table->image)->layout;
	struct ipf_owned_point4 *point = image_at(&table->image, layout->space[IPF_IPV4].points);

	point->owner = slot;
	must(program_fill(program, program->root->generation & 1, &table->image), "filling");
}

/* A rule decides although it cannot be counted. */
static void test_missing_counters(void)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4) };
	static const struct {
		const char *name;
		__u32 counter;
	} cases[] = {
		{ "the first of a block that is absent", IPF_FIRST_COUNTERS },
		{ "another of that block", IPF_FIRST_COUNTERS + 5 },
		{ "in the last block",
		  IPF_FIRST_COUNTERS + IPF_COUNTER_BLOCKS * IPF_COUNTER_BLOCK - 1 },
		{ "beyond all blocks",
		  IPF_FIRST_COUNTERS + IPF_COUNTER_BLOCKS * IPF_COUNTER_BLOCK },
		{ "none", IPF_NO_COUNTER },
		{ "one below none", IPF_NO_COUNTER - 1 },
	};
	struct packet plain = { .body = BODY_IPV4 };
	struct table table;

	table_from_lines(&table, lines, COUNT(lines));
	for (EACH_POLICY(program)) {
		publish(program, &table);
		if (program_has_counter(program, IPF_FIRST_COUNTERS))
			must(program_remove_block(program, 0), "removing a counter block");
		packet_build(&plain, &frame);
		for (size_t i = 0; i < COUNT(cases); i++) {
			move_counter(program, &table, cases[i].counter);
			result(expect_frame(program, by_rule(IPF_DROP, IPF_NO_COUNTER)),
			       "%s, the rule's counter: %s", policy_name(program), cases[i].name);
		}
	}
	table_done(&table);
}

/* The borders between the first counters and the blocks, and between blocks. */
static void test_counter_borders(void)
{
	static const struct rule_line lines[] = { DROP(CORPUS_IPV4) };
	static const struct {
		const char *name;
		__u32 counter;
	} cases[] = {
		{ "the first of all", 0 },
		{ "the last of the first counters", IPF_FIRST_COUNTERS - 1 },
		{ "the first of the first block", IPF_FIRST_COUNTERS },
		{ "the last of the first block", IPF_FIRST_COUNTERS + IPF_COUNTER_BLOCK - 1 },
		{ "the first of the last block here", PROGRAM_COUNTERS - IPF_COUNTER_BLOCK },
		{ "the last of the last block here", PROGRAM_COUNTERS - 1 },
	};
	struct packet plain = { .body = BODY_IPV4 };
	struct table table;

	table_from_lines(&table, lines, COUNT(lines));
	for (EACH_POLICY(program)) {
		publish(program, &table);
		for (unsigned int block = 0; block < PROGRAM_BLOCKS; block += PROGRAM_BLOCKS - 1)
			must(program_add_block(program, block), "adding a counter block");
		packet_build(&plain, &frame);
		for (size_t i = 0; i < COUNT(cases); i++) {
			move_counter(program, &table, cases[i].counter);
			result(expect_frame(program, by_rule(IPF_DROP, cases[i].counter)),
			       "%s, the rule's counter: %s", policy_name(program), cases[i].name);
		}
		result(program_check_counters(program, PROGRAM_COUNTERS, why, sizeof(why)),
		       "%s, no other counter changed at the borders", policy_name(program));
	}
	table_done(&table);
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();

	if (unavailable)
		return tap_skip_all(unavailable);
	object_path = program_object_path(argc, argv);
	for (enum ipf_verdict policy = IPF_PASS; policy <= IPF_DROP; policy++) {
		struct program_options options = { .policy = policy };

		must(program_open(&programs[policy], object_path, &options), object_path);
		options.length = PROGRAM_LENGTH_HELPER;
		must(program_open(&helper_programs[policy], object_path, &options), object_path);
		options = (struct program_options){ .policy = policy, .link = IPF_LINK_IP };
		must(program_open(&bare_programs[policy], object_path, &options), object_path);
	}

	test_no_table();
	test_corpus();
	test_observing();
	test_truncations();
	test_metadata();
	test_split_headers();
	test_prefix_edges();
	test_rules();
	test_mapped_source();
	test_long_chains();
	test_rule_ends();
	test_switch();
	test_switch_under_traffic();
	test_missing_chunk();
	for (EACH_POLICY(program))
		result(program_check_counters(program, PROGRAM_COUNTERS, why, sizeof(why)),
		       "%s, no other counter changed", policy_name(program));
	test_missing_counters();
	test_counter_borders();

	for (size_t i = 0; i < 2 * COUNT(media); i++)
		program_close(&media[i / 2].programs[i % 2]);
	return tap_done();
}
