// SPDX-License-Identifier: GPL-2.0
/*
 * What do the rules of a workload look like to each tool?
 *
 *     rules FAMILY KIND COUNT FORMAT [NAME]
 *
 * Prints them on stdout. FORMAT: `lines` (one per line, as xdp-ipfilter reads them), `ipset` (NAME
 * is the set, which must exist), `nft` (the elements of a set, separated by commas).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <util/number.h>

#include "workload.h"

enum { MOST_RULES = 100000000 };

static const char *rule_text(enum family family, const struct bench_rule *rule,
			     char text[INET6_ADDRSTRLEN + 4])
{
	uint8_t bytes[16];
	size_t length;

	address_bytes(family, rule->first, bytes);
	inet_ntop(family == FAMILY_IPV4 ? AF_INET : AF_INET6, bytes, text, INET6_ADDRSTRLEN);
	length = strlen(text);
	if (rule->bits != (family == FAMILY_IPV4 ? 32 : 128))
		snprintf(text + length, INET6_ADDRSTRLEN + 4 - length, "/%u", rule->bits);
	return text;
}

static void print_rule(enum family family, const struct bench_rule *rule, const char *format,
		       const char *name)
{
	char text[INET6_ADDRSTRLEN + 4];

	rule_text(family, rule, text);
	if (!strcmp(format, "ipset"))
		printf("add %s %s%s\n", name, text, rule->pass ? " nomatch" : "");
	else if (strcmp(format, "nft"))
		printf("%s%s\n", rule->pass ? "pass " : "", text);
	/* An nft set has no exceptions. */
	else if (!rule->pass)
		printf("%s,\n", text);
}

int main(int argc, char **argv)
{
	struct workload workload;
	enum family family;
	enum kind kind;
	uint64_t count;

	if (argc < 5 || !family_parse(argv[1], &family) || !kind_parse(argv[2], &kind) ||
	    number_parse(argv[3], 1, MOST_RULES, &count) ||
	    workload_make(&workload, family, kind, count)) {
		fprintf(stderr,
			"usage: rules ipv4|ipv6 random|mixed COUNT lines|ipset|nft [NAME]\n");
		return 2;
	}
	for (size_t i = 0; i < workload.count; i++)
		print_rule(family, &workload.rules[i], argv[4], argc > 5 ? argv[5] : "bench");
	workload_done(&workload);
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
