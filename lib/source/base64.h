/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which bytes does a base64 text mean?
 */
#ifndef SOURCE_BASE64_H
#define SOURCE_BASE64_H

#include <stddef.h>

/* The size of the text for that many bytes, with its NUL. */
#define BASE64_TEXT_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* Writes the text (RFC 4648, with padding) and a NUL. */
void base64_encode(const void *bytes, size_t count, char *text);

/* Writes at most length / 4 * 3 bytes to `bytes`, which may be the text itself. Returns 0 with
 * their number in *count, or -EINVAL: only whole, padded groups are taken. */
int base64_decode(const char *text, size_t length, void *bytes, size_t *count);

#endif
