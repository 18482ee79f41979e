/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which families of metrics are there?
 */
#ifndef METRICS_FAMILIES_H
#define METRICS_FAMILIES_H

#include <cli/openmetrics.h>

struct facts;

/* Writes all of them, from the first line to the last. A family without a sample is left out. */
void families_write(const struct facts *facts, const char *version, enum openmetrics_format format,
		    FILE *out);

#endif
