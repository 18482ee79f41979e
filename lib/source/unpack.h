/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in a stream that may be packed with gzip?
 *
 * Its first bytes decide, whatever it is called. Several gzip members in a row are one text, as for
 * gunzip(1). It may be packed twice: a packed file, sent by a server that packs what it sends.
 */
#ifndef SOURCE_UNPACK_H
#define SOURCE_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <zlib.h>

struct error;
struct unpack;

#define UNPACK_BLOCK_SIZE (1u << 16)
#define UNPACK_LAYERS 2

/* Only for unpack.c. */
struct unpack_layer {
	struct unpack *unpack;
	struct unpack_layer *below; /* what it unpacks; NULL: the descriptor */
	bool begun, packed, at_end, between_members;
	uint64_t bytes;    /* that it gave */
	z_stream inflater; /* next_in and avail_in are of the block, also when it is not packed */
	unsigned char block[UNPACK_BLOCK_SIZE];
};

/* Release with unpack_close(). */
struct unpack {
	FILE *file; /* what is in the stream; unpack_problem() explains where reading it fails */
	/* Private: */
	int fd;
	uint64_t max_bytes;
	const char *problem;
	bool is_markup, is_binary, is_too_large;
	struct unpack_layer layers[UNPACK_LAYERS];
};

/* Reads from `fd`, which stays the caller's. What it unpacks to is limited to max_bytes; 0: no
 * limit. Returns 0, or -ENOMEM and sets *err. */
int unpack_open(struct unpack *unpack, int fd, uint64_t max_bytes, struct error *err);
void unpack_close(struct unpack *unpack);

/* Why reading `file` failed: NULL where it did not, or where its errno says it. */
const char *unpack_problem(const struct unpack *unpack);

/* Is it because of the limit? */
bool unpack_is_too_large(const struct unpack *unpack);

/* Does the text that was read begin as HTML or XML does? */
bool unpack_is_markup(const struct unpack *unpack);
/* Has its beginning bytes that no text has? */
bool unpack_is_binary(const struct unpack *unpack);

#endif
