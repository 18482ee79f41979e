/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What do bytes that gzip packed unpack to?
 */
#ifndef SOURCE_GZIP_H
#define SOURCE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Do the bytes begin as gzip's do? */
bool gzip_begins(const void *bytes, size_t count);

/* Unpacks them all; several members, one after the other, are one text (gzip(1) does so too).
 * Returns 0 with *out, which the caller frees, and its size; or a negative errno and sets *err:
 * -EINVAL for bytes that are damaged or not complete, -EFBIG beyond max_bytes. */
int gzip_unpack(const void *bytes, size_t count, uint64_t max_bytes, char **out, size_t *size,
		struct error *err);

#endif
