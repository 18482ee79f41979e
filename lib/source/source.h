/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which kinds of source are there, and what must each do?
 *
 * A kind is a file source_NAME.c. It never sees a filter: it reads its source, and delivers rules.
 */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <source/job.h>
#include <stdio.h>

struct error;

/* Follows the source until the job is done, or sync closes the program's standard input (stop.h):
 * then it returns 0. A polled source (location_is_polled()) delivers once and returns. The others
 * keep trying, and deliver their trouble. Returns a negative errno and sets *err where it cannot
 * go on; sync starts the program again, later and later. */
typedef int (*source_run)(const struct job *job, FILE *out, struct error *err);

int source_run_file(const struct job *job, FILE *out, struct error *err);
int source_run_url(const struct job *job, FILE *out, struct error *err);
int source_run_etcd(const struct job *job, FILE *out, struct error *err);
int source_run_crowdsec(const struct job *job, FILE *out, struct error *err);
int source_run_route(const struct job *job, FILE *out, struct error *err);

/* Runs the kind that the job's location names. Returns as above. */
int source_follow(const struct job *job, FILE *out, struct error *err);

#endif
