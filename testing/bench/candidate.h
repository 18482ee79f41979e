/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which programs are compared, and which verdict must each give?
 *
 * Ours and xdp-filter are attached by their own tools, and named by their id in the kernel. The
 * others are loaded here, with the rules in their maps. Failures end the program (fail.h).
 */
#ifndef BENCH_CANDIDATE_H
#define BENCH_CANDIDATE_H

#include <linux/types.h>

#include "driver.h"
#include "workload.h"

struct bpf_object;
struct ipf_root;

enum { CANDIDATE_NAME_SIZE = 32 };

struct candidate {
	char name[CANDIDATE_NAME_SIZE];
	struct bpf_object *object; /* NULL: loaded by another tool */
	int fd;
	struct driver *driver;
	struct ipf_root *root; /* of ours-unwatched, mapped; NULL: none */
	__u32 sample;          /* what its lookers ask for */
};

/* `text` is an argument of the command line:
 *
 *     floor, drop, hash, lpm   a program of the bench; floor compares with `constant`, hash accepts
 *                              only IPv4 addresses
 *     NAME=ID                  the program with this id
 *     ours-unwatched=ID        one that somebody watches, as if nobody did */
void candidate_open(struct candidate *out, const char *text, const struct workload *workload,
		    const __u8 constant[16], const struct sources *sources);
void candidate_close(struct candidate *candidate);

/* Before frames, and after them. */
void candidate_begin(struct candidate *candidate);
void candidate_end(struct candidate *candidate);

/* The action for a frame whose source was made for this outcome. */
__u32 candidate_expected(const struct candidate *candidate, enum outcome outcome,
			 const __u8 source[16], const __u8 constant[16]);

#endif
