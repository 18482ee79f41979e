// SPDX-License-Identifier: GPL-2.0
/* Loads and runs the XDP program; see program.h.
 */
#include "program.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <dataplane/frame_flags.h>
#include <dataplane/kernel.h>
#include <table/image.h>

#define OUTPUT_ROOM (80u * 1024)

const char *program_object_path(int argc, char **argv)
{
	static const char built[] = "/../../lib/bpf/xdp_ipfilter.o";
	static char path[PATH_MAX + sizeof(built)];
	const char *chosen = getenv("XDP_IPFILTER_OBJECT");
	ssize_t length;
	char *slash;

	if (argc > 1)
		return argv[1];
	if (chosen)
		return chosen;
	length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (length < 0)
		return built + strlen("/../../");
	path[length] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, built);
	return path;
}

static int say_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	if (getenv("V") && level != LIBBPF_DEBUG)
		return vfprintf(stderr, format, args);
	return 0;
}

static int load_probe(void)
{
	struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", pass, 2, NULL);
}

const char *program_no_metadata(void)
{
	__u8 frame[64] = { 0 };
	struct xdp_md context = { .data = 4, .data_end = sizeof(frame) };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = 1);
	int fd = load_probe();
	int ret = bpf_prog_test_run_opts(fd, &options);

	close(fd);
	return ret ? "this kernel's test runs take no metadata (5.15)" : NULL;
}

const char *program_unavailable(void)
{
	static char reason[128];
	int fd;

	libbpf_set_print(say_nothing);
	fd = load_probe();
	if (fd < 0) {
		snprintf(reason, sizeof(reason), "no XDP program can be loaded here: %s",
			 strerror(errno));
		return reason;
	}
	close(fd);
	return NULL;
}

const char *program_too_large(__u32 size)
{
	return size <= PROGRAM_ONE_BUFFER || kernel_has_multi_buffer() ?
		       NULL :
		       "this kernel has no multi-buffer frames (5.18)";
}

/* As in lib/dataplane/program.c: the section's name makes libbpf ask for multi-buffer frames. */
static void open_without_multi_buffer(void)
{
	static int handler;

	if (!handler)
		handler =
			libbpf_register_prog_handler(IPF_SECTION, BPF_PROG_TYPE_XDP, BPF_XDP, NULL);
}

static int choose_frame_length(struct bpf_object *object, enum program_length wanted, __u8 *length)
{
	struct bpf_program *code = bpf_object__find_program_by_name(object, IPF_PROGRAM_NAME);

	*length = IPF_LENGTH_BUFFER;
	if (wanted == PROGRAM_LENGTH_BUFFER || !kernel_has_multi_buffer())
		return 0;
	*length = IPF_LENGTH_HELPER;
	if (wanted == PROGRAM_LENGTH_HELPER || !frame_flags_readable())
		return 0;
	*length = IPF_LENGTH_FLAGS;
	return code ? frame_flags_enable(code) : -ENOENT;
}

static int configure(struct bpf_object *object, const struct program_options *options)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, IPF_CONFIG_SECTION);
	struct ipf_config config;
	const void *value;
	size_t size = 0;
	int ret;

	value = map ? bpf_map__initial_value(map, &size) : NULL;
	if (!value || size != sizeof(config))
		return -EPROTO;
	memcpy(&config, value, sizeof(config));
	if (config.magic != IPF_MAGIC || config.abi_version != IPF_ABI_VERSION)
		return -EPROTO;
	config.policy = options->policy;
	config.trace = options->trace;
	config.link = (__u8)options->link;
	ret = choose_frame_length(object, options->length, &config.frame_length);
	if (ret)
		return ret;
	return bpf_map__set_initial_value(map, &config, sizeof(config));
}

int program_open(struct program *program, const char *path, const struct program_options *options)
{
	struct bpf_program *code;
	void *root, *head;
	int ret;

	*program = (struct program){ .options = *options };
	for (unsigned int block = 0; block < PROGRAM_BLOCKS; block++)
		program->blocks[block] = -1;
	ret = libbpf_num_possible_cpus();
	if (ret < 0)
		return ret;
	program->cpus = (unsigned int)ret;
	program->per_cpu = calloc(program->cpus, sizeof(*program->per_cpu));
	program->per_cpu_total = calloc(program->cpus, sizeof(*program->per_cpu_total));
	program->counters = calloc(PROGRAM_COUNTERS, sizeof(*program->counters));
	program->output = malloc(OUTPUT_ROOM);
	if (!program->per_cpu || !program->per_cpu_total || !program->counters || !program->output)
		return -ENOMEM;

	if (!kernel_has_multi_buffer())
		open_without_multi_buffer();
	program->object = bpf_object__open_file(path, NULL);
	if (!program->object)
		return -errno;
	ret = configure(program->object, options);
	if (ret)
		return ret;
	ret = bpf_object__load(program->object);
	if (ret)
		return ret;
	code = bpf_object__find_program_by_name(program->object, IPF_PROGRAM_NAME);
	if (!code)
		return -ENOENT;
	program->fd = bpf_program__fd(code);
	program->root_fd = bpf_object__find_map_fd_by_name(program->object, IPF_MAP_ROOT);
	program->head_fd = bpf_object__find_map_fd_by_name(program->object, IPF_MAP_HEAD);
	program->chunks_fd = bpf_object__find_map_fd_by_name(program->object, IPF_MAP_CHUNKS);
	program->totals_fd = bpf_object__find_map_fd_by_name(program->object, IPF_MAP_TOTALS);
	program->first_fd =
		bpf_object__find_map_fd_by_name(program->object, IPF_MAP_FIRST_COUNTERS);
	program->counts_fd =
		bpf_object__find_map_fd_by_name(program->object, IPF_MAP_RULE_COUNTERS);
	if (program->root_fd < 0 || program->head_fd < 0 || program->chunks_fd < 0 ||
	    program->totals_fd < 0 || program->first_fd < 0 || program->counts_fd < 0)
		return -ENOENT;
	root = mmap(NULL, sizeof(struct ipf_root), PROT_READ | PROT_WRITE, MAP_SHARED,
		    program->root_fd, 0);
	if (root == MAP_FAILED)
		return -errno;
	program->root = root;
	head = mmap(NULL, PROGRAM_HALVES * IPF_HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		    program->head_fd, 0);
	if (head == MAP_FAILED)
		return -errno;
	program->head = head;
	return 0;
}

void program_close(struct program *program)
{
	for (unsigned int half = 0; half < PROGRAM_HALVES; half++) {
		for (unsigned int i = 0; i < PROGRAM_CHUNKS; i++) {
			struct program_chunk *chunk = &program->chunks[half][i];

			if (!chunk->bytes)
				continue;
			munmap(chunk->bytes, IPF_CHUNK_SIZE);
			close(chunk->fd);
		}
	}
	for (unsigned int block = 0; block < PROGRAM_BLOCKS; block++)
		if (program->blocks[block] >= 0)
			close(program->blocks[block]);
	if (program->root)
		munmap((void *)program->root, sizeof(struct ipf_root));
	if (program->head)
		munmap(program->head, PROGRAM_HALVES * IPF_HEAD_SIZE);
	if (program->rings)
		munmap(program->rings, program->cpus * sizeof(*program->rings));
	bpf_object__close(program->object);
	free(program->per_cpu);
	free(program->per_cpu_total);
	free(program->counters);
	free(program->output);
	*program = (struct program){ 0 };
}

static int make_chunk(struct program_chunk *chunk)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	void *bytes;
	int ret;

	if (chunk->bytes)
		return 0;
	chunk->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ipf_chunk", sizeof(__u32), IPF_CHUNK_SIZE,
				   1, &options);
	if (chunk->fd < 0)
		return -errno;
	bytes = mmap(NULL, IPF_CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, chunk->fd, 0);
	if (bytes == MAP_FAILED) {
		ret = -errno;
		close(chunk->fd);
		return ret;
	}
	chunk->bytes = bytes;
	return 0;
}

static int fill_chunk(struct program *program, unsigned int half, __u32 number, const void *bytes)
{
	struct program_chunk *chunk = &program->chunks[half][number];
	__u32 slot = half * IPF_HALF_CHUNKS + number;
	int ret = make_chunk(chunk);

	if (ret)
		return ret;
	memcpy(chunk->bytes, bytes, IPF_CHUNK_SIZE);
	if (chunk->in_slot)
		return 0;
	if (bpf_map_update_elem(program->chunks_fd, &slot, &chunk->fd, BPF_ANY))
		return -errno;
	chunk->in_slot = true;
	return 0;
}

/* Chunks stay in their slots and are written again, because an update of a slot waits for RCU. */
int program_fill(struct program *program, unsigned int half, const struct image *image)
{
	struct ipf_header *header = (void *)&program->root->header[half];
	size_t head = image->body < IPF_HEAD_SIZE ? image->body : IPF_HEAD_SIZE;

	if (image->body > (size_t)PROGRAM_CHUNKS * IPF_CHUNK_SIZE)
		return -E2BIG;
	memset(header, 0, sizeof(*header));
	if (!image->data)
		return 0;
	memcpy(program->head + half * IPF_HEAD_SIZE, image_at(image, 0), head);
	for (__u32 i = IPF_HEAD_CHUNKS; i * (size_t)IPF_CHUNK_SIZE < image->body; i++) {
		int ret = fill_chunk(program, half, i, image_at(image, i * (__u64)IPF_CHUNK_SIZE));

		if (ret)
			return ret;
	}
	*header = *image_header(image);
	return 0;
}

void program_switch(struct program *program, unsigned int half)
{
	__atomic_store_n(&program->root->generation, half, __ATOMIC_RELEASE);
}

int program_remove_chunk(struct program *program, unsigned int half, unsigned int chunk)
{
	__u32 slot = half * IPF_HALF_CHUNKS + chunk;

	if (bpf_map_delete_elem(program->chunks_fd, &slot))
		return -errno;
	program->chunks[half][chunk].in_slot = false;
	return 0;
}

int program_add_block(struct program *program, unsigned int block)
{
	int fd;
	int ret;

	assert(block < PROGRAM_BLOCKS && program->blocks[block] < 0);
	fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ipf_counts", sizeof(__u32),
			    sizeof(struct ipf_counter), IPF_COUNTER_BLOCK, NULL);
	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(program->counts_fd, &block, &fd, BPF_ANY)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	program->blocks[block] = fd;
	memset(program->counters + IPF_FIRST_COUNTERS + (size_t)block * IPF_COUNTER_BLOCK, 0,
	       IPF_COUNTER_BLOCK * sizeof(*program->counters));
	return 0;
}

int program_remove_block(struct program *program, unsigned int block)
{
	if (bpf_map_delete_elem(program->counts_fd, &block))
		return -errno;
	close(program->blocks[block]);
	program->blocks[block] = -1;
	return 0;
}

int program_add_blocks_for(struct program *program, size_t rules)
{
	for (unsigned int block = 0; IPF_FIRST_COUNTERS + (size_t)block * IPF_COUNTER_BLOCK < rules;
	     block++) {
		int ret = program->blocks[block] < 0 ? program_add_block(program, block) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

static int map_rings(struct program *program, int fd)
{
	int slots = bpf_object__find_map_fd_by_name(program->object, IPF_MAP_EVENTS);
	__u32 only = 0;
	void *rings;

	if (bpf_map_update_elem(slots, &only, &fd, BPF_ANY))
		return -errno;
	rings = mmap(NULL, program->cpus * sizeof(*program->rings), PROT_READ | PROT_WRITE,
		     MAP_SHARED, fd, 0);
	if (rings == MAP_FAILED)
		return -errno;
	program->rings = rings;
	return 0;
}

int program_add_rings(struct program *program)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "rings", sizeof(__u32), sizeof(struct ipf_ring),
				program->cpus, &options);
	int ret;

	if (fd < 0)
		return -errno;
	ret = map_rings(program, fd);
	close(fd);
	return ret;
}

void program_begin_sampling(struct program *program, const struct program_sample *sample)
{
	volatile struct ipf_root *root = program->root;

	root->every = sample->every;
	root->totals = sample->totals;
	root->rate = sample->rate;
	root->lease_ns = sample->lease_ns;
	root->epoch += 1 + (root->epoch == ~0u);
	root->modes.sample = root->epoch;
}

static struct ipf_counter read_counter(struct program *program, int fd, __u32 slot)
{
	struct ipf_counter sum = { 0, 0 };

	if (bpf_map_lookup_elem(fd, &slot, program->per_cpu))
		return (struct ipf_counter){ ~0ull, ~0ull };
	for (unsigned int cpu = 0; cpu < program->cpus; cpu++) {
		sum.packets += program->per_cpu[cpu].packets;
		sum.bytes += program->per_cpu[cpu].bytes;
	}
	return sum;
}

struct ipf_counter program_total(struct program *program, enum ipf_total total)
{
	struct ipf_counter sum = { 0, 0 };

	if (bpf_map_lookup_elem(program->totals_fd, &total, program->per_cpu_total))
		return (struct ipf_counter){ ~0ull, ~0ull };
	for (unsigned int cpu = 0; cpu < program->cpus; cpu++) {
		sum.packets += program->per_cpu_total[cpu].counter.packets;
		sum.bytes += program->per_cpu_total[cpu].counter.bytes;
	}
	return sum;
}

/* The block of a slot that is not among the first counters. */
static __u32 block_of(__u32 slot)
{
	return (slot - IPF_FIRST_COUNTERS) / IPF_COUNTER_BLOCK;
}

bool program_has_counter(const struct program *program, __u32 slot)
{
	return slot < IPF_FIRST_COUNTERS ||
	       (slot < PROGRAM_COUNTERS && program->blocks[block_of(slot)] >= 0);
}

struct ipf_counter program_rule_counter(struct program *program, __u32 slot)
{
	if (slot < IPF_FIRST_COUNTERS)
		return read_counter(program, program->first_fd, slot);
	return read_counter(program, program->blocks[block_of(slot)],
			    (slot - IPF_FIRST_COUNTERS) % IPF_COUNTER_BLOCK);
}

int program_run(struct program *program, const struct program_input *input, int repeat,
		__u32 *action)
{
	/* ctx_in places data after the metadata, and its end at the end of the first buffer. */
	struct xdp_md context = {
		.data = input->meta,
		.data_end = input->linear ? input->meta + input->linear : input->size,
	};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = input->frame,
		    .data_size_in = input->size, .repeat = repeat);
	int ret;

	if (repeat == 1) {
		options.data_out = program->output;
		options.data_size_out = OUTPUT_ROOM;
	}
	if (input->meta || input->linear) {
		options.ctx_in = &context;
		options.ctx_size_in = sizeof(context);
	}
	ret = bpf_prog_test_run_opts(program->fd, &options);
	if (ret)
		return ret;
	*action = options.retval;
	if (repeat == 1 && options.data_size_out != input->size)
		return -EMSGSIZE;
	return 0;
}

static bool same_counter(const struct ipf_counter *a, const struct ipf_counter *b)
{
	return a->packets == b->packets && a->bytes == b->bytes;
}

static bool totals_match(struct program *program, char *why, size_t why_size)
{
	static const char *const names[IPF_TOTALS] = { "drop", "pass", "other", "malformed" };

	for (enum ipf_total total = 0; total < IPF_TOTALS; total++) {
		struct ipf_counter now = program_total(program, total);
		struct ipf_counter want = program->totals[total];

		if (same_counter(&now, &want))
			continue;
		snprintf(why, why_size, "%s counts %llu packets, %llu bytes; expected %llu, %llu",
			 names[total], now.packets, now.bytes, want.packets, want.bytes);
		return false;
	}
	return true;
}

static bool rule_counter_matches(struct program *program, __u32 slot, char *why, size_t why_size)
{
	struct ipf_counter now = program_rule_counter(program, slot);
	struct ipf_counter want = program->counters[slot];

	if (same_counter(&now, &want))
		return true;
	snprintf(why, why_size, "rule counter %u: %llu packets, %llu bytes; expected %llu, %llu",
		 slot, now.packets, now.bytes, want.packets, want.bytes);
	return false;
}

static bool agrees(struct program *program, const struct program_input *input,
		   const struct decision *want, __u32 action, char *why, size_t why_size)
{
	bool drops = want->verdict == IPF_DROP && !program->root->modes.observe;
	__u32 wanted_action = drops ? XDP_DROP : XDP_PASS;

	if (action != wanted_action) {
		snprintf(why, why_size, "action %u, expected %u", action, wanted_action);
		return false;
	}
	if (memcmp(program->output, input->frame, input->size)) {
		snprintf(why, why_size, "the frame was changed");
		return false;
	}
	return totals_match(program, why, why_size) &&
	       (want->counter == IPF_NO_COUNTER ||
		rule_counter_matches(program, want->counter, why, why_size));
}

bool program_expect(struct program *program, const struct program_input *input,
		    const struct decision *want, char *why, size_t why_size)
{
	__u32 bytes = input->size - input->meta;
	__u32 action;
	int ret;

	ret = program_run(program, input, 1, &action);
	if (ret) {
		snprintf(why, why_size, "cannot run: %s", strerror(-ret));
		return false;
	}
	program->totals[want->total].packets++;
	program->totals[want->total].bytes += bytes;
	if (want->counter != IPF_NO_COUNTER) {
		program->counters[want->counter].packets++;
		program->counters[want->counter].bytes += bytes;
	}
	if (agrees(program, input, want, action, why, why_size))
		return true;
	/* A failure is reported once: the next frame starts from the kernel's counters. */
	program_accept_counters(program, want->counter == IPF_NO_COUNTER ? 0 : want->counter + 1);
	return false;
}

bool program_check_counters(struct program *program, __u32 slots, char *why, size_t why_size)
{
	for (__u32 slot = 0; slot < slots; slot++)
		if (program_has_counter(program, slot) &&
		    !rule_counter_matches(program, slot, why, why_size))
			return false;
	return totals_match(program, why, why_size);
}

void program_accept_counters(struct program *program, __u32 slots)
{
	for (__u32 slot = 0; slot < slots; slot++)
		if (program_has_counter(program, slot))
			program->counters[slot] = program_rule_counter(program, slot);
	for (enum ipf_total total = 0; total < IPF_TOTALS; total++)
		program->totals[total] = program_total(program, total);
}
