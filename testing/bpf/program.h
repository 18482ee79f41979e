/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does a test load the XDP program, give it tables, and send it a frame?
 *
 * The tests have their own loader, which uses only libbpf, so they cannot share a mistake with
 * lib/dataplane. Frames go through BPF_PROG_TEST_RUN. The counters of a frame are compared after
 * it, and program_check_counters() compares all of them: unexpected changes are failures.
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
	PROGRAM_CHUNKS = 64, /* of each half; the images of the tests are smaller */
	PROGRAM_BLOCKS = 20, /* counters for 331,776 rules; the last block is always free */
	PROGRAM_COUNTERS = IPF_FIRST_COUNTERS + PROGRAM_BLOCKS * IPF_COUNTER_BLOCK,
};

/* How the program learns the length of a frame: as well as this kernel allows, or in a way that
 * older kernels need. */
enum program_length { PROGRAM_LENGTH_BEST, PROGRAM_LENGTH_HELPER, PROGRAM_LENGTH_BUFFER };

struct program_options {
	enum ipf_verdict policy;
	enum ipf_link link;
	bool trace;
	enum program_length length;
};

struct program_chunk {
	void *bytes; /* IPF_CHUNK_SIZE mapped bytes; NULL: not made yet */
	int fd;
	bool in_slot;
};

struct program {
	struct bpf_object *object;
	struct program_options options;
	int fd;
	int root_fd, head_fd, chunks_fd, totals_fd, first_fd, counts_fd;
	volatile struct ipf_root *root; /* mapped */
	__u8 *head;                     /* of both halves, mapped */
	struct program_chunk chunks[PROGRAM_HALVES][PROGRAM_CHUNKS];
	int blocks[PROGRAM_BLOCKS]; /* -1: absent */
	/* What the counters must be. */
	struct ipf_counter totals[IPF_TOTALS];
	struct ipf_counter *counters;            /* PROGRAM_COUNTERS */
	struct ipf_counter *per_cpu;             /* room for one lookup */
	struct ipf_total_counter *per_cpu_total; /* likewise */
	unsigned int cpus;
	struct ipf_ring *rings; /* one for each CPU, mapped; NULL: none were added */
	void *output;           /* room for the frame that comes back */
};

/* What should happen to a frame. If the program observes, it passes, and counts as this says. */
struct decision {
	enum ipf_verdict verdict;
	enum ipf_total total;
	__u32 counter; /* the deciding rule's slot, or IPF_NO_COUNTER */
};

/* The object under test: the first argument, $XDP_IPFILTER_OBJECT, or the one built in this
 * tree. */
const char *program_object_path(int argc, char **argv);

/* Can this process load XDP programs at all? Returns NULL, or why not. Also silences libbpf. */
const char *program_unavailable(void);

/* NULL, or why a test run on this kernel cannot take a frame of that size. */
const char *program_too_large(__u32 size);
/* What every kernel takes: a page, without the room that the kernel keeps before and after. */
#define PROGRAM_ONE_BUFFER 3400u

/* NULL, or why a test run on this kernel cannot take metadata. */
const char *program_no_metadata(void);

/* Opens the object, sets its configuration, and loads it. Returns 0 or a negative errno. Release it
 * with program_close(), after a failure too. */
int program_open(struct program *program, const char *path, const struct program_options *options);
void program_close(struct program *program);

/* Copies the image to a half of the head and the chunk slots, and its header to the root. The half
 * should not be the live one. */
int program_fill(struct program *program, unsigned int half, const struct image *image);
/* Makes a half live. */
void program_switch(struct program *program, unsigned int half);
/* Removes a chunk (from IPF_HEAD_CHUNKS on) from its slot. The next program_fill() puts it back. */
int program_remove_chunk(struct program *program, unsigned int half, unsigned int chunk);

/* Puts a fresh, zeroed block of rule counters into its slot, or removes it. */
int program_add_block(struct program *program, unsigned int block);
int program_remove_block(struct program *program, unsigned int block);
int program_add_blocks_for(struct program *program, size_t rules);
/* Is there a counter with this slot? */
bool program_has_counter(const struct program *program, __u32 slot);

/* Puts rings for events into their slot, and maps them. Returns 0 or a negative errno. */
int program_add_rings(struct program *program);

/* What lookers together want. */
struct program_sample {
	__u32 every, totals, rate;
	__u64 lease_ns;
};
/* Begins a new epoch, as lookers do. */
void program_begin_sampling(struct program *program, const struct program_sample *sample);

/* How the kernel gets a frame. */
struct program_input {
	const void *frame;
	__u32 size;
	__u32 meta;   /* bytes of metadata before it, a multiple of four */
	__u32 linear; /* bytes in the first buffer; 0: as many as fit. Not on all kernels. */
};

/* Sends the frame and compares everything visible with the expectation: the action, packets and
 * bytes of each total and of the rule, and the unchanged frame. Returns whether all agree; `why`
 * says what does not. */
bool program_expect(struct program *program, const struct program_input *input,
		    const struct decision *want, char *why, size_t why_size);

/* Sends the frame `repeat` times and checks nothing: the caller compares counters. Returns 0 or a
 * negative errno; *action is that of the last run. */
int program_run(struct program *program, const struct program_input *input, int repeat,
		__u32 *action);

/* The kernel's present sums over all CPUs. */
struct ipf_counter program_total(struct program *program, enum ipf_total total);
struct ipf_counter program_rule_counter(struct program *program, __u32 slot);
/* After program_run(): expects the present counters from now on. */
void program_accept_counters(struct program *program, __u32 slots);
/* Compares the counters of all rules below `slots`, and the totals, with the expected ones. */
bool program_check_counters(struct program *program, __u32 slots, char *why, size_t why_size);

#endif
