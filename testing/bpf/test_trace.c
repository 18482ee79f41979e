// SPDX-License-Identifier: GPL-2.0
/*
 * Does --trace log each verdict, and does the program without it log nothing?
 *
 *     test_trace [OBJECT]
 *
 * The test reads the kernel's trace without consuming lines that others wait for. It mounts a
 * tracefs in a mount namespace of its own.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <util/auto.h>

#include "corpus.h"
#include "program.h"
#include "rules.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The kernel's BPF printf does not shorten addresses. */
#define TRACED_IPV6 "2001:0db8:0001:0002:0003:0004:0005:0006"

static char folder[] = "/tmp/xdp-ipfilter-trace.XXXXXX";
static struct frame frame;
static char why[256];

/* NULL, or why there is no trace to read. */
static const char *mount_tracefs(void)
{
	if (!mkdtemp(folder))
		return "no temporary folder";
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "no mount namespace of our own";
	if (mount("tracefs", folder, "tracefs", 0, NULL))
		return "this kernel has no tracefs";
	return NULL;
}

/* The number of lines of the trace that end with the text. */
static unsigned int lines_with(const char *text)
{
	char path[sizeof(folder) + 16];
	auto_file FILE *trace = NULL;
	auto_free char *line = NULL;
	unsigned int found = 0;
	size_t room = 0;

	snprintf(path, sizeof(path), "%s/trace", folder);
	trace = fopen(path, "r");
	if (!trace)
		tap_bail("%s: %s", path, strerror(errno));
	while (getline(&line, &room, trace) >= 0) {
		const char *at = strstr(line, text);

		found += at && at[strlen(text)] == '\n';
	}
	return found;
}

static const struct trace_case {
	struct packet packet;
	enum ipf_verdict policy, verdict; /* without a rule; of the source's rule */
	const char *line;
	struct decision want; /* 1 as its counter means that of the rule */
} cases[] = {
	/* clang-format off */
	{ { .body = BODY_IPV4 }, IPF_PASS, IPF_DROP,
	  "if 1 drop " CORPUS_IPV4, { IPF_DROP, IPF_DROPPED, 1 } },
	{ { .body = BODY_IPV4, .tags = { 0x8100 } }, IPF_DROP, IPF_PASS,
	  "if 1 pass " CORPUS_IPV4, { IPF_PASS, IPF_PASSED, 1 } },
	{ { .body = BODY_IPV6 }, IPF_PASS, IPF_DROP,
	  "if 1 drop " TRACED_IPV6, { IPF_DROP, IPF_DROPPED, 1 } },
	{ { .body = BODY_IPV6 }, IPF_DROP, IPF_PASS,
	  "if 1 pass " TRACED_IPV6, { IPF_PASS, IPF_PASSED, 1 } },
	{ { .body = BODY_IPV4, .set = { { 15, 99, 1 } } }, IPF_PASS, IPF_DROP,
	  "if 1 pass 192.0.2.99", { IPF_PASS, IPF_PASSED, IPF_NO_COUNTER } },
	{ { .body = BODY_IPV4, .set = { { 15, 99, 1 } } }, IPF_DROP, IPF_PASS,
	  "if 1 drop 192.0.2.99", { IPF_DROP, IPF_DROPPED, IPF_NO_COUNTER } },
	{ { .body = BODY_ARP }, IPF_DROP, IPF_DROP,
	  "if 1 pass (not IP)", { IPF_PASS, IPF_OTHER, IPF_NO_COUNTER } },
	{ { .body = BODY_IPV4, .kept = 20 }, IPF_DROP, IPF_DROP,
	  "if 1 drop (malformed)", { IPF_DROP, IPF_MALFORMED, IPF_NO_COUNTER } },
	{ { .body = BODY_IPV6, .kept = 20 }, IPF_PASS, IPF_DROP,
	  "if 1 pass (malformed)", { IPF_PASS, IPF_MALFORMED, IPF_NO_COUNTER } },
	{ { .body = BODY_IPV4, .ethertype = 0x8864, .session = { 0x11, 0, 0, 1, 0, 86, 0, 0x21 },
	    .session_size = 8 }, IPF_PASS, IPF_DROP,
	  "if 1 drop " CORPUS_IPV4, { IPF_DROP, IPF_DROPPED, 1 } },
	{ { .body = BODY_IPV6, .bare = true }, IPF_DROP, IPF_PASS,
	  "if 1 pass " TRACED_IPV6, { IPF_PASS, IPF_PASSED, 1 } },
	{ { .body = BODY_IPV4, .bare = true, .set = { { 0, 0x55, 1 } } }, IPF_DROP, IPF_PASS,
	  "if 1 drop (malformed)", { IPF_DROP, IPF_MALFORMED, IPF_NO_COUNTER } },
	/* clang-format on */
};

static void test_case(const char *path, const struct trace_case *test, bool trace,
		      const char *no_trace)
{
	static const char *const addresses[] = { CORPUS_IPV4, CORPUS_IPV6, CORPUS_IPV4 };
	const char *address = addresses[test->packet.body];
	struct rule_line line = RULE_LINE(address, test->verdict, FOREVER, NULL);
	struct program_input input = { .frame = frame.bytes };
	struct decision want = test->want;
	struct program program;
	unsigned int before = 0;
	struct table table;

	if (program_open(&program, path,
			 &(struct program_options){
				 .policy = test->policy,
				 .trace = trace,
				 .link = test->packet.bare ? IPF_LINK_IP : IPF_LINK_ETHERNET,
			 }))
		tap_bail("%s cannot be loaded", path);
	table_from_lines(&table, &line, 1);
	if (program_add_blocks_for(&program, 1) || program_fill(&program, 0, &table.image))
		tap_bail("a table cannot be filled");
	if (want.counter != IPF_NO_COUNTER)
		want.counter = table_counter(&table, address, test->verdict);
	packet_build(&test->packet, &frame);
	input.size = frame.size;

	if (!no_trace)
		before = lines_with(test->line);
	if (!tap_ok(program_expect(&program, &input, &want, why, sizeof(why)),
		    "%s trace: decides and counts as ever: %s", trace ? "with" : "no", test->line))
		tap_note("  %s", why);
	if (no_trace)
		tap_skip(no_trace, "%s trace: %s line '%s'", trace ? "with" : "no",
			 trace ? "one" : "no", test->line);
	else
		tap_ok(lines_with(test->line) - before == trace, "%s trace: %s line '%s'",
		       trace ? "with" : "no", trace ? "one" : "no", test->line);
	table_done(&table);
	program_close(&program);
}

int main(int argc, char **argv)
{
	const char *unavailable = program_unavailable();
	const char *path = program_object_path(argc, argv);
	const char *no_trace;

	if (unavailable)
		return tap_skip_all(unavailable);
	no_trace = mount_tracefs();
	for (size_t i = 0; i < COUNT(cases); i++) {
		test_case(path, &cases[i], true, no_trace);
		test_case(path, &cases[i], false, no_trace);
	}
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	return tap_done();
}
