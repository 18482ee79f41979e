// SPDX-License-Identifier: GPL-2.0
/*
 * What does a table of top say of a source?
 */
#include "top_source.h"

#include <string.h>

struct top_table_source top_source_describe(const struct ranking *ranking,
					    const struct ranking_iface *seen,
					    const struct talker *talker)
{
	const struct ranking_estimate value = ranking_estimate(ranking, seen, talker);
	struct top_table_source source = {
		.prefix = talker->prefix,
		.verdict = (enum ipf_verdict)talker->verdict,
		.observed = seen->observes && talker->verdict == IPF_DROP,
		.has_rule = talker->has_rule,
		.rule = talker->rule,
		.packets = value.packets,
		.error = value.error,
		.bytes = value.bytes,
	};

	memcpy(source.set, talker->set, sizeof(source.set));
	return source;
}
