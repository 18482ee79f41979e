/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a table of top say of a source?
 */
#ifndef TOP_SOURCE_H
#define TOP_SOURCE_H

#include <control/ranking.h>
#include <screen/top_table.h>

/* Of a source that was counted in a round, which ranking_measure() has ended. Without the name of
 * its interface. */
struct top_table_source top_source_describe(const struct ranking *ranking,
					    const struct ranking_iface *seen,
					    const struct talker *talker);

#endif
