// SPDX-License-Identifier: GPL-2.0
/*
 * Which bytes does a base64 text mean?
 */
#include <source/base64.h>

#include <errno.h>
#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t count, char *text)
{
	const uint8_t *from = bytes;

	for (size_t i = 0; i < count; i += 3) {
		uint32_t group = (uint32_t)from[i] << 16;

		if (i + 1 < count)
			group |= (uint32_t)from[i + 1] << 8;
		if (i + 2 < count)
			group |= from[i + 2];
		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = i + 1 < count ? digits[group >> 6 & 63] : '=';
		*text++ = i + 2 < count ? digits[group & 63] : '=';
	}
	*text = '\0';
}

/* -1: it is no digit. */
static int value_of(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+')
		return 62;
	return digit == '/' ? 63 : -1;
}

/* How many digits of a group are padding; they read as 0. */
static size_t padding(const char *group)
{
	if (group[3] != '=')
		return 0;
	return group[2] == '=' ? 2 : 1;
}

static int decode_group(const char *text, size_t pad, uint8_t *out)
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? value_of(text[i]) : 0;

		if (value < 0)
			return -EINVAL;
		group = group << 6 | (uint32_t)value;
	}
	out[0] = (uint8_t)(group >> 16);
	if (pad < 2)
		out[1] = (uint8_t)(group >> 8);
	if (pad < 1)
		out[2] = (uint8_t)group;
	return 0;
}

int base64_decode(const char *text, size_t length, void *bytes, size_t *count)
{
	uint8_t *to = bytes;
	size_t pad = 0;

	if (length % 4)
		return -EINVAL;
	for (size_t i = 0; i < length; i += 4) {
		/* Padding only ends the text: elsewhere = is no digit. */
		pad = i + 4 == length ? padding(text + i) : 0;
		if (decode_group(text + i, pad, to + i / 4 * 3))
			return -EINVAL;
	}
	*count = length / 4 * 3 - pad;
	return 0;
}
