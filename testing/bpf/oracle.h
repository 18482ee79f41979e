/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What should happen to a frame, according to two implementations?
 *
 * oracle_decide() follows the contract alone: it reads byte by byte, looks at every rule, and
 * shares no code with the program. headers_decide() compiles the program's own headers for the
 * host.
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include <ipfilter/abi.h>
#include <stddef.h>

#include "program.h"

struct ruleset;

/* What a frame is, before any rule decides. */
enum reading { READ_SOURCE, READ_OTHER, READ_MALFORMED };

struct reading_result {
	enum reading reading;
	unsigned int address_size; /* 4 or 16 */
	__u8 address[16];
	bool discovery;
};
struct reading_result oracle_read(enum ipf_link link, const __u8 *frame, size_t size);

/* `now` is the tick that decides which rules have ended. */
struct decision oracle_decide(const struct ruleset *rules, const struct program_options *options,
			      __u32 now, const __u8 *frame, size_t size);

/* The same from the live table of the program, which may be damaged. It reads the very bytes that
 * the kernel reads, in the same memory. */
struct decision headers_decide(const struct program *program, __u32 now, const __u8 *frame,
			       size_t size);

#endif
