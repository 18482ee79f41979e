// SPDX-License-Identifier: GPL-2.0
/*
 * The XDP program: which verdict does each frame get, and what counts it?
 *
 * Counting never changes a verdict: a missing counter is skipped. Without a table (loaded by
 * xdp-loader, say) there are no rules, and the policy decides. The packet is never changed.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include <ipfilter/abi.h>
#include <ipfilter/packet.h>

/* The most that is read of a frame: up to the ICMPv6 type, with all tags, PPPoE and a PPP protocol
 * of two bytes before IPv6. */
#define IPF_HEADERS_SIZE \
	(IPF_ETHERNET_SIZE + IPF_MAX_TAGS * IPF_TAG_SIZE + IPF_PPPOE_SIZE + 2 + IPF_IPV6_SIZE + 1)

#ifndef NULL
#define NULL ((void *)0)
#endif

const volatile struct ipf_config ipf_config SEC(IPF_CONFIG_SECTION) = {
	.magic = IPF_MAGIC,
	.abi_version = IPF_ABI_VERSION,
	.policy = IPF_PASS,
	.priority = IPF_PRIORITY,
	.frame_length = IPF_LENGTH_HELPER,
	.link = IPF_LINK_ETHERNET,
};

/* The tool writes it through a mapping of the section's map. */
struct ipf_root ipf_root SEC(IPF_MAP_ROOT);

__u8 ipf_head[2 * IPF_HEAD_SIZE] SEC(IPF_MAP_HEAD);

/* Only for the tool, like the barrier below. */
struct ipf_slots ipf_slots SEC(IPF_MAP_SLOTS);

/* The inner maps are templates without types. The tool makes its maps without BTF, and up to 6.1
 * the kernel accepts such a map only if the template has no BTF either. */
struct chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, IPF_CHUNK_SIZE);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * IPF_HALF_CHUNKS);
	__type(key, __u32);
	__array(values, struct chunk);
} ipf_chunks SEC(".maps");

struct nothing {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
};

/* Nothing reads it. A change of an array of maps waits for in-flight packets. The tool changes this
 * one when it has to wait for them but changes no chunk. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct nothing);
} ipf_barrier SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IPF_TOTALS);
	__type(key, __u32);
	__type(value, struct ipf_total_counter);
} ipf_totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IPF_FIRST_COUNTERS);
	__type(key, __u32);
	__type(value, struct ipf_counter);
} ipf_first_count SEC(".maps");

struct counter_block {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IPF_COUNTER_BLOCK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ipf_counter));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, IPF_COUNTER_BLOCKS);
	__type(key, __u32);
	__array(values, struct counter_block);
} ipf_rule_counts SEC(".maps");

/* Made with an element for each CPU; BPF_F_INNER_MAP allows for another number than here. */
struct rings {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct ipf_ring));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct rings);
} ipf_events SEC(".maps");

typedef __u64 ipf_table; /* its number, below IPF_TABLES */

IPF_INLINE const struct ipf_layout *ipf_table_layout(ipf_table table)
{
	return &ipf_root.header[table & (IPF_TABLES - 1)].layout;
}

IPF_INLINE const __u8 *ipf_table_chunk(ipf_table table, __u64 offset)
{
	__u32 slot = (__u32)(table & 1) * IPF_HALF_CHUNKS +
		     ((__u32)(offset >> IPF_CHUNK_SHIFT) & (IPF_HALF_CHUNKS - 1));
	void *chunk = bpf_map_lookup_elem(&ipf_chunks, &slot), *bytes;
	__u32 only = 0;

	if (!chunk)
		return NULL;
	bytes = bpf_map_lookup_elem(chunk, &only);
	if (!bytes)
		return NULL;
	/* The verifier refuses an offset added before the check for NULL; the compiler would. */
	asm volatile("" : "+r"(bytes));
	return bytes;
}

/* Offsets are masked, so that even a damaged table never leads into the other half. */
IPF_INLINE const __u8 *ipf_table_head(ipf_table table, __u64 offset)
{
	/* Added, not combined by OR: the verifier of 6.1 loses the bounds at an OR. */
	return ipf_head + (table & 1) * IPF_HEAD_SIZE + (offset & (IPF_HEAD_SIZE - IPF_CHUNK_SIZE));
}

IPF_INLINE __u32 ipf_table_now(ipf_table table)
{
	(void)table;
	return (__u32)(bpf_ktime_get_boot_ns() >> IPF_TICK_SHIFT);
}

/* Global functions: the verifier checks them once, not once for each path that leads there. */
#define IPF_OUTLINE __attribute__((noinline))
#include <ipfilter/lookup.h>

IPF_INLINE void count(struct ipf_counter *counter, __u64 bytes)
{
	if (!counter)
		return;
	counter->packets++;
	counter->bytes += bytes;
}

IPF_INLINE void count_in_block(__u32 slot, __u64 bytes)
{
	__u32 block = (slot - IPF_FIRST_COUNTERS) / IPF_COUNTER_BLOCK;
	__u32 element = (slot - IPF_FIRST_COUNTERS) % IPF_COUNTER_BLOCK;
	void *counters = bpf_map_lookup_elem(&ipf_rule_counts, &block);

	if (counters)
		count(bpf_map_lookup_elem(counters, &element), bytes);
}

IPF_INLINE void count_rule(__u32 slot, __u64 bytes)
{
	if (slot < IPF_FIRST_COUNTERS)
		count(bpf_map_lookup_elem(&ipf_first_count, &slot), bytes);
	else if (slot != IPF_NO_COUNTER)
		count_in_block(slot, bytes);
}

/* The flags of the kernel's struct xdp_buff. The tool replaces the first two instructions, if the
 * kernel can do what they do then: see lib/dataplane/frame_flags.h. */
IPF_INLINE __u32 frame_flags(struct xdp_md *ctx)
{
	__u64 flags;

	asm volatile("r1 = %[ctx]\n"
		     "r0 = %[call]\n"
		     "r0 = *(u32 *)(r0 + 0)\n"
		     "%[flags] = r0"
		     : [flags] "=r"(flags)
		     : [ctx] "r"(ctx), [call] "i"(IPF_CAST_CALL)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
	return flags;
}

IPF_INLINE void trace_source(const struct ipf_source *source, __u32 ifindex,
			     enum ipf_verdict verdict)
{
	__be64 address[2] = { bpf_cpu_to_be64(source->key.high), bpf_cpu_to_be64(source->key.low) };

	if (source->family == IPF_IPV4 && verdict == IPF_DROP)
		bpf_printk("xdp_ipfilter: if %u drop %pI4", ifindex, address);
	else if (source->family == IPF_IPV4)
		bpf_printk("xdp_ipfilter: if %u pass %pI4", ifindex, address);
	else if (verdict == IPF_DROP)
		bpf_printk("xdp_ipfilter: if %u drop %pI6", ifindex, address);
	else
		bpf_printk("xdp_ipfilter: if %u pass %pI6", ifindex, address);
}

IPF_INLINE void trace_frame(enum ipf_frame frame, __u32 ifindex, enum ipf_verdict verdict)
{
	if (frame == IPF_FRAME_OTHER)
		bpf_printk("xdp_ipfilter: if %u pass (not IP)", ifindex);
	else if (verdict == IPF_DROP)
		bpf_printk("xdp_ipfilter: if %u drop (malformed)", ifindex);
	else
		bpf_printk("xdp_ipfilter: if %u pass (malformed)", ifindex);
}

/* Looks in a delta. */
IPF_OUTLINE __u64 lookup_delta(ipf_table table, __u64 family, __u64 high, __u64 low)
{
	const struct ipf_key key = { high, low };

	return ipf_pack(ipf_lookup(table | IPF_TABLE_DELTA,
				   family == IPF_IPV4 ? IPF_IPV4 : IPF_IPV6, &key));
}

/* The verdict for a readable source. Counts the packet for the rule that decides. */
IPF_INLINE enum ipf_verdict decide(const struct ipf_source *source, __u64 bytes)
{
	/* Read once: a packet uses the same tables from beginning to end. Every address in a table
	 * is computed from it, so even a processor that reorders loads (arm64) reads the table
	 * after it, as the tool wrote them. */
	const __u64 generation = *(volatile __u64 *)&ipf_root.generation;
	struct ipf_match match = ipf_no_match();
	ipf_table table = 0;

	if (generation & IPF_GENERATION_HAS_DELTA) {
		table = IPF_TABLE_DELTA | (generation / IPF_GENERATION_DELTA & 1);
		match = ipf_unpack(
			lookup_delta(table, source->family, source->key.high, source->key.low));
	}
	if (match.verdict == IPF_ASK_BASE) {
		table = generation & IPF_GENERATION_BASE;
		match = ipf_lookup(table, source->family, &source->key);
	}
	if (match.verdict == IPF_DROP || match.verdict == IPF_PASS) {
		count_rule(ipf_counter_slot(table, match.owner), bytes);
		return match.verdict;
	}
	/* Without its neighbours' answers an IPv6 host is unreachable, whatever its rules pass. */
	if (source->discovery)
		return IPF_PASS;
	return ipf_config.policy;
}

/* What becomes of a frame, in one number, because a BPF function returns one. Without a mode it is
 * the action alone. */
enum outcome {
	OUTCOME_ACTION = 3,      /* XDP_DROP or XDP_PASS */
	OUTCOME_WOULD_DROP = 4,  /* the rules say so, but are not enforced */
	OUTCOME_OBSERVED = 8,    /* they are not enforced */
	OUTCOME_DUE = 16,        /* it may be an event: call sample() */
	OUTCOME_TOTAL_SHIFT = 5, /* of one that is due: enum ipf_total */
};

/* What the rules say. */
IPF_INLINE enum ipf_verdict outcome_verdict(__u32 outcome)
{
	return (outcome & OUTCOME_ACTION) == XDP_DROP || outcome & OUTCOME_WOULD_DROP ? IPF_DROP :
											IPF_PASS;
}

/* How far the frame that was just counted is past the next event of its total: 0 at it, negative
 * before it. Volatile, so that the compiler does not join the two places that ask: that would cost
 * each frame a jump while frames are sampled. */
IPF_INLINE __s64 frames_past(const struct ipf_total_counter *counter, __u64 epoch)
{
	return (__s64)(counter->counter.packets + epoch - *(const volatile __u64 *)&counter->next);
}

/* What becomes of a frame that was read: enum outcome. Counts it. *plain: no mode concerns it, so
 * the outcome is the action alone. The caller returns it at once: to ask the outcome for that would
 * cost each packet two jumps, which the compiler does not see through. */
IPF_INLINE __u32 finish(enum ipf_frame frame, const struct ipf_source *source, __u64 bytes,
			int *plain)
{
	enum ipf_verdict verdict = IPF_PASS;
	struct ipf_total_counter *counter;
	__u32 total = IPF_OTHER, outcome;
	union ipf_modes modes;

	if (frame == IPF_FRAME_SOURCE) {
		verdict = decide(source, bytes);
		total = verdict == IPF_DROP ? IPF_DROPPED : IPF_PASSED;
	} else if (frame == IPF_FRAME_MALFORMED) {
		verdict = ipf_config.policy;
		total = IPF_MALFORMED;
	}
	outcome = verdict == IPF_DROP ? XDP_DROP : XDP_PASS;
	counter = bpf_map_lookup_elem(&ipf_totals, &total);
	modes.all = *(volatile __u64 *)&ipf_root.modes.all;
	*plain = 1;
	/* Never, because each total has an element. The verifier does not know that. */
	if (!counter)
		return outcome;
	count(&counter->counter, bytes);
	if (!modes.all)
		return outcome;
	if (!modes.observe && frames_past(counter, modes.all) < 0)
		return outcome;
	*plain = 0;
	if (modes.observe)
		outcome = XDP_PASS | OUTCOME_OBSERVED |
			  (verdict == IPF_DROP ? OUTCOME_WOULD_DROP : 0);
	if (modes.sample && frames_past(counter, (__u64)modes.sample << IPF_EPOCH_SHIFT) >= 0)
		outcome |= OUTCOME_DUE | total << OUTCOME_TOTAL_SHIFT;
	return outcome;
}

/* Some drivers put only some headers, or none, into the first buffer of a multi-buffer frame. */
IPF_INLINE int is_split(const void *data, const void *end, __u64 bytes)
{
	return bytes > (__u64)(end - data) && data + IPF_HEADERS_SIZE > end;
}

/* Reads a copy of the frame's first bytes. */
IPF_INLINE enum ipf_frame read_split_frame(struct xdp_md *ctx, enum ipf_link link, __u64 bytes,
					   struct ipf_source *source)
{
	__u8 copy[IPF_HEADERS_PAD + IPF_HEADERS_SIZE] __attribute__((aligned(8))) = {};
	__u32 size = bytes < IPF_HEADERS_SIZE ? bytes : IPF_HEADERS_SIZE;
	__u32 pad = link == IPF_LINK_ETHERNET ? IPF_HEADERS_PAD : 0;
	__u8 *headers;

	/* clang 21 adds a small number to an aligned address by OR, which the verifier forbids with
	 * pointers. It has to add a number that it does not know. */
	barrier_var(pad);
	headers = copy + pad;
	/* Fewer bytes hold no IP header on any link. */
	if (size < IPF_ETHERNET_SIZE || bpf_xdp_load_bytes(ctx, 0, headers, size))
		return IPF_FRAME_MALFORMED;
	return ipf_packet_source(link, headers, headers + size, source);
}

/* Any frame, with trace and multi-buffer frames. A function of its own, so that rare frames cost
 * the others nothing. */
static __attribute__((noinline)) __u32 filter_any(struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data;
	const void *end = (void *)(long)ctx->data_end;
	const enum ipf_link link = ipf_config.link;
	struct ipf_source source = {};
	__u64 bytes = end - data;
	enum ipf_verdict verdict;
	enum ipf_frame frame;
	__u32 outcome;
	int plain;

	if (ipf_config.frame_length != IPF_LENGTH_BUFFER)
		bytes = bpf_xdp_get_buff_len(ctx);
	if (ipf_config.frame_length != IPF_LENGTH_BUFFER && is_split(data, end, bytes))
		frame = read_split_frame(ctx, link, bytes, &source);
	else
		frame = ipf_packet_source(link, data, end, &source);
	outcome = finish(frame, &source, bytes, &plain);
	verdict = outcome_verdict(outcome);
	if (ipf_config.trace && frame == IPF_FRAME_SOURCE)
		trace_source(&source, ctx->ingress_ifindex, verdict);
	else if (ipf_config.trace)
		trace_frame(frame, ctx->ingress_ifindex, verdict);
	return outcome;
}

/* The path of nearly all frames: Ethernet, headers in one buffer, no trace. */
IPF_INLINE __u32 filter_ethernet(struct xdp_md *ctx, int *plain)
{
	const void *data = (void *)(long)ctx->data;
	const void *end = (void *)(long)ctx->data_end;
	struct ipf_source source = {};
	const __u8 *session = data;
	__u64 bytes = end - data;
	enum ipf_frame frame;

	if (ipf_config.frame_length == IPF_LENGTH_HELPER) {
		bytes = bpf_xdp_get_buff_len(ctx);
		if (is_split(data, end, bytes))
			return filter_any(ctx);
	}
	frame = ipf_ethernet_source(data, end, &source, &session);
	return frame == IPF_FRAME_PPPOE ? filter_any(ctx) : finish(frame, &source, bytes, plain);
}

/* Is this a multi-buffer frame, where that costs nothing to find out? */
IPF_INLINE int has_fragments(struct xdp_md *ctx)
{
	return ipf_config.frame_length == IPF_LENGTH_FLAGS &&
	       (frame_flags(ctx) & IPF_FLAG_FRAGMENTS);
}

/* Copies the beginning of the frame into the event. */
IPF_INLINE void copy_headers(struct xdp_md *ctx, struct ipf_event *event)
{
	const __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 size = event->bytes < IPF_HEADERS_COPIED ? event->bytes : IPF_HEADERS_COPIED;
	__u32 copied = 0;

	if (ipf_config.frame_length != IPF_LENGTH_BUFFER) {
		/* clang 19 checks the limits on copies of the number, and the verifier then does
		 * not know those of the number itself. */
		barrier_var(size);
		/* Fewer bytes hold no IP header on any link. */
		if (size >= IPF_ETHERNET_SIZE && !bpf_xdp_load_bytes(ctx, 0, event->headers, size))
			event->copied = size;
		return;
	}
	/* Before 5.18. Two bytes at a time, because the verifier follows each step. */
	while (copied < IPF_HEADERS_COPIED && data + copied + 2 <= end) {
		*(__u16 *)(event->headers + copied) = *(const __u16 *)(data + copied);
		copied += 2;
	}
	event->copied = copied;
}

IPF_INLINE void write_event(struct xdp_md *ctx, struct ipf_ring *ring, __u64 now, __u32 outcome)
{
	struct ipf_event *event = &ring->event[ring->head & (IPF_RING_EVENTS - 1)];

	*(volatile __u64 *)&event->sequence = 0;
	event->time_ns = now;
	event->generation = (__u32)ipf_root.generation;
	event->sample = ipf_root.every;
	event->bytes = ctx->data_end - ctx->data;
	if (ipf_config.frame_length != IPF_LENGTH_BUFFER)
		event->bytes = bpf_xdp_get_buff_len(ctx);
	event->total = outcome >> OUTCOME_TOTAL_SHIFT;
	event->verdict = outcome_verdict(outcome);
	event->observed = !!(outcome & OUTCOME_OBSERVED);
	event->copied = 0;
	copy_headers(ctx, event);
	*(volatile __u64 *)&event->sequence = ++ring->head;
}

IPF_INLINE struct ipf_ring *own_ring(void)
{
	__u32 only = 0, cpu = bpf_get_smp_processor_id();
	void *rings = bpf_map_lookup_elem(&ipf_events, &only);

	return rings ? bpf_map_lookup_elem(rings, &cpu) : NULL;
}

/* Counts the events of each second. */
IPF_INLINE int exceeds_rate(struct ipf_ring *ring, __u64 now)
{
	if (now - ring->window_ns >= 1000000000) {
		ring->window_ns = now;
		ring->in_window = 0;
	}
	if (ring->in_window >= ipf_root.rate)
		return 1;
	ring->in_window++;
	return 0;
}

/* Sets the next event of the total, after the last one or in a new epoch. The distance between
 * events is random, so that traffic with a rhythm is seen as it is; so is the start in a new epoch,
 * of which the present frame may be the first event. Returns whether it is one. */
IPF_INLINE int set_next(struct ipf_total_counter *counter, __u32 total, __u64 epoch)
{
	const __u32 every = *(volatile __u32 *)&ipf_root.every & (IPF_SAMPLE_MAX * 2 - 1);
	const __u64 now = counter->counter.packets + epoch;
	__u32 ahead;

	if (!every || !(ipf_root.totals >> (total & 31) & 1)) {
		counter->next = now + IPF_SAMPLE_MAX;
		return 0;
	}
	if (counter->next != now) {
		ahead = bpf_get_prandom_u32() % every;
		counter->next = now + ahead;
		if (ahead)
			return 0;
	}
	counter->next = now + 1 + bpf_get_prandom_u32() % (2 * every - 1);
	return 1;
}

/* Makes an event of the frame, if it is one. Rare, so it may be a function. */
static __attribute__((noinline)) int sample(struct xdp_md *ctx, __u32 outcome)
{
	__u32 epoch = *(volatile __u32 *)&ipf_root.modes.sample;
	__u32 total = outcome >> OUTCOME_TOTAL_SHIFT;
	struct ipf_total_counter *counter = bpf_map_lookup_elem(&ipf_totals, &total);
	struct ipf_ring *ring;
	__u64 now;

	if (!epoch || !counter || !set_next(counter, total, (__u64)epoch << IPF_EPOCH_SHIFT))
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (now >= ipf_root.lease_ns) {
		/* Whoever looked was killed. */
		ipf_root.modes.sample = 0;
		return 0;
	}
	ring = own_ring();
	if (!ring)
		return 0;
	if (exceeds_rate(ring, now))
		ring->skipped++;
	else
		write_event(ctx, ring, now, outcome);
	return 0;
}

SEC(IPF_SECTION)
int xdp_ipfilter(struct xdp_md *ctx)
{
	const enum ipf_link link = ipf_config.link;
	int plain = 0;
	__u32 outcome;

	/* Never true, as the verifier knows. But a program only holds maps that its code names. */
	if (link >= IPF_LINKS) {
		__u32 only = 0;

		return bpf_map_lookup_elem(&ipf_barrier, &only) && ipf_slots.block[0] ? XDP_PASS :
											XDP_ABORTED;
	}
	if ((link | ipf_config.trace) || has_fragments(ctx))
		outcome = filter_any(ctx);
	else
		outcome = filter_ethernet(ctx, &plain);
	if (__builtin_expect(plain, 1))
		return outcome;
	if (__builtin_expect(outcome & OUTCOME_DUE, 0))
		sample(ctx, outcome);
	return outcome & OUTCOME_ACTION;
}

struct {
	__uint(priority, IPF_PRIORITY);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(xdp_ipfilter);

char _license[] SEC("license") = "GPL";
