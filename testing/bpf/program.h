/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a test load the XDP program, give it tables, and send it a frame?
 *
 * A loader of its own, by libbpf alone, so that lib/dataplane and these tests cannot share a
 * mistake. Frames go through BPF_PROG_TEST_RUN. Counters are compared after each frame, and all of
 * them by program_check_counters(): what nobody expected to change must not change.
 */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <ipfilter/abi.h>
#include <stdbool.h>
#include <stddef.h>

struct bpf_object;
struct image;

enum {
	PROGRAM_HALVES = 2,
	PROGRAM_CHUNKS = 64, /* of each half; tests' images are smaller */
	PROGRAM_BLOCKS = 20, /* counters for 327,680 rules; the last is never in the way */
	PROGRAM_COUNTERS = PROGRAM_BLOCKS * IPF_COUNTER_BLOCK,
};

struct program_options {
	enum ipf_verdict policy;
	enum ipf_link link;
	bool trace;
	bool without_frame_length_helper;
};

struct program_chunk {
	void *bytes; /* IPF_CHUNK_SIZE of them, mapped; NULL: not made yet */
	int fd;
	bool in_slot;
};

struct program {
	struct bpf_object *object;
	struct program_options options;
	int fd;
	int root_fd, head_fd, chunks_fd, totals_fd, counts_fd;
	volatile struct ipf_root *root; /* mapped */
	__u8 *head;                     /* of both halves, mapped */
	struct program_chunk chunks[PROGRAM_HALVES][PROGRAM_CHUNKS];
	int blocks[PROGRAM_BLOCKS]; /* -1: absent */
	/* What the counters must read. */
	struct ipf_counter totals[IPF_TOTALS];
	struct ipf_counter *counters; /* PROGRAM_COUNTERS */
	struct ipf_counter *per_cpu;  /* room for one lookup */
	unsigned int cpus;
	void *output; /* room for the frame that comes back */
};

/* What a frame should meet. */
struct decision {
	enum ipf_verdict verdict;
	enum ipf_total total;
	__u32 counter; /* the deciding rule's slot, or IPF_NO_COUNTER */
};

/* The object under test: the first argument, $XDP_IPFILTER_OBJECT, or the one that the tree
 * built. */
const char *program_object_path(int argc, char **argv);

/* Can this process load XDP programs at all? NULL, or why not. Also silences libbpf. */
const char *program_unavailable(void);

/* NULL, or why a test run on this kernel takes no frame of that size. */
const char *program_too_large(__u32 size);
/* What it takes on every kernel: a page, without what the kernel keeps free before and after. */
#define PROGRAM_ONE_BUFFER 3400u

/* NULL, or why a test run on this kernel takes no metadata. */
const char *program_no_metadata(void);

/* Opens the object, sets its configuration, loads it. Returns 0 or a negative errno; release with
 * program_close(), which takes what open left of a failure, too. */
int program_open(struct program *program, const char *path, const struct program_options *options);
void program_close(struct program *program);

/* Copies the image into a half of the head and the chunk slots, and its header into the root. Best
 * not the live one. */
int program_fill(struct program *program, unsigned int half, const struct image *image);
/* Makes a half live. */
void program_switch(struct program *program, unsigned int half);
/* Takes one chunk (from IPF_HEAD_CHUNKS on) out of its slot; the next program_fill() puts it
 * back. */
int program_remove_chunk(struct program *program, unsigned int half, unsigned int chunk);

/* Puts a block of counters for rules into its slot (a fresh one, zeroed), or takes it out. */
int program_add_block(struct program *program, unsigned int block);
int program_remove_block(struct program *program, unsigned int block);
int program_add_blocks_for(struct program *program, size_t rules);

/* How a frame is handed to the kernel. */
struct program_input {
	const void *frame;
	__u32 size;
	__u32 meta;   /* bytes of metadata in front of it, a multiple of four */
	__u32 linear; /* bytes in the first buffer; 0: as many as fit. Not on all kernels. */
};

/* Sends the frame and compares all that can be seen with what is wanted: action, packets and bytes
 * of each total, those of the rule, and that the frame came back as it went. Returns whether all
 * agreed; `why` says what did not. */
bool program_expect(struct program *program, const struct program_input *input,
		    const struct decision *want, char *why, size_t why_size);

/* Sends the frame `repeat` times and looks at nothing: the caller compares counters. Returns 0 or a
 * negative errno; *action is that of the last. */
int program_run(struct program *program, const struct program_input *input, int repeat,
		__u32 *action);

/* Sums over all CPUs, as the kernel has them now. */
struct ipf_counter program_total(struct program *program, enum ipf_total total);
struct ipf_counter program_rule_counter(struct program *program, __u32 slot);
/* Takes what the counters read as right, after program_run(). */
void program_accept_counters(struct program *program, __u32 slots);
/* Compares the counters of all rules below `slots`, and the totals, with what was expected so
 * far. */
bool program_check_counters(struct program *program, __u32 slots, char *why, size_t why_size);

#endif
