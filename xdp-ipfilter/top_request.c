// SPDX-License-Identifier: GPL-2.0
/*
 * What does the user want of top?
 */
#include "top_request.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <util/number.h>

const struct top_request top_request_defaults = { .rounds = ROUNDS_DEFAULTS, .sample = 1 };

/* Reads "24" or "24,48". */
static bool parse_lengths(const char *text, unsigned int bits[IPF_FAMILIES])
{
	const char *comma = strchr(text, ',');
	char first[4];
	uint64_t ipv4, ipv6 = 128;

	snprintf(first, sizeof(first), "%.*s", comma ? (int)(comma - text) : 3, text);
	if (strlen(text) > 6 || (!comma && strlen(text) > 2) || number_parse(first, 0, 32, &ipv4) ||
	    (comma && number_parse(comma + 1, 0, 128, &ipv6)))
		return false;
	bits[IPF_IPV4] = (unsigned int)ipv4;
	bits[IPF_IPV6] = (unsigned int)ipv6;
	return true;
}

static bool is_lengths(const char *text)
{
	unsigned int bits[IPF_FAMILIES];

	return parse_lengths(text, bits);
}

const struct option_spec top_request_options[] = {
	OPTION_VALUE(0, "drop", struct top_request, only, RANKING_DROP,
		     "Only packets that are dropped."),
	OPTION_VALUE(0, "pass", struct top_request, only, RANKING_PASS, "Only packets that pass."),
	OPTION_NUMBER('n', "sample", "N", struct top_request, sample, 1, IPF_SAMPLE_MAX,
		      "Look at one of N packets."),
	ROUNDS_OPTIONS('i', struct top_request, rounds),
	OPTION_NAME(0, "by", "LENGTHS", struct top_request, by, is_lengths,
		    "a length is 0 to 32 for IPv4; 0 to 128 for IPv6, after a comma",
		    "Group sources by prefixes of this length, as in 24,48."),
	OPTION_FLAG('b', "batch", struct top_request, batch, "Print rounds one after the other."),
	OPTION_FLAG('j', "json", struct top_request, json, "Print JSON, one object per round."),
	OPTION_FLAG(0, "rules", struct top_request, rules,
		    "Print rules that drop these sources, for 'add -f -'."),
	OPTION_POSITIONALS("IFNAME", struct top_request, names),
	OPTION_END,
};

const char top_request_notes[] =
	"Without IFNAME, shows every interface that has the filter now. On a terminal, fills the screen,\n"
	"where ? explains the keys; elsewhere, and with -b, prints up to ten sources of each interface with\n"
	"at least one percent of the packets each.\n";
const char top_request_examples[] =
	"  xdp-ipfilter top\n"
	"  xdp-ipfilter top -b eth0\n"
	"  xdp-ipfilter top --pass --rules --count 1 | xdp-ipfilter add -t 10m -f -\n";
const char top_request_exit_codes[] =
	"  0  ended by q, SIGINT, SIGTERM or after N rounds\n"
	"  3  not loaded on a named interface, or unloaded meanwhile\n";

/* Keys come from standard input. */
bool top_request_is_text(const struct top_request *request)
{
	return request->batch || request->json || request->rules || !isatty(STDIN_FILENO) ||
	       !isatty(STDOUT_FILENO);
}

struct ranking_wish top_request_wish(const struct top_request *request)
{
	struct ranking_wish wish = {
		.only = request->only,
		.sample = request->sample,
		.bits = { [IPF_IPV4] = 32, [IPF_IPV6] = 128 },
	};

	if (request->by)
		parse_lengths(request->by, wish.bits);
	return wish;
}

int top_request_find_ifaces(void *data, struct error *err)
{
	struct top_request *request = data;

	return ifaces_filtering(&request->names, &request->ifaces, err);
}

void top_request_done(void *data)
{
	struct top_request *request = data;

	ifaces_done(&request->ifaces);
}
