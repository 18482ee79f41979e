/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is a source program asked to do?
 *
 * sync writes a job to the standard input of the program, as one line of JSON: there are secrets in
 * it, which arguments and the environment would show to others.
 */
#ifndef SOURCE_JOB_H
#define SOURCE_JOB_H

#include <source/location.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;

/* The descriptor on which the program finds what sync has opened for it: the file of a
 * LOCATION_FILE; the connected socket of a CrowdSec location with a path. */
#define JOB_DESCRIPTOR 3

/* It owns its texts, each of which may be NULL: there is none. */
struct job {
	struct location location;
	char *set;             /* that the source fills; NULL: "default" */
	char *format;          /* of a list; NULL: detected */
	char *where;           /* conditions on its networks, one a line (table.h); NULL: none */
	char *ca, *cert, *key; /* PEM texts for TLS; without ca, the system's authorities */
	char *user, *password; /* HTTP's basic authentication, or etcd's */
	char *api_key;         /* CrowdSec's */
	char *validator;       /* that came with the copy that sync has (delivery_end()) */
	char *version;         /* ours, for User-Agent */
	uint64_t max_bytes;    /* of a list, after unpacking */
	uint64_t poll_s;       /* CrowdSec: between two pulls */
	unsigned int silence_s, total_s; /* of a fetch from a URL at most; 0: the usual */
	bool once;                       /* deliver what is there now, then end */
};

/* Returns 0, or a negative errno and sets *err. */
int job_write(const struct job *job, FILE *out, struct error *err);
/* Reads one line. Release with job_done(), also after a failure. Returns as above. */
int job_read(struct job *job, FILE *in, struct error *err);
void job_done(struct job *job);

#endif
