/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a key of etcd ask for?
 *
 * Its value is a list in one of the formats of <feed/format.h>, as it is or packed by gzip. If it
 * is empty, the key's own name after the prefix is the rule.
 */
#ifndef SOURCE_ETCD_VALUE_H
#define SOURCE_ETCD_VALUE_H

#include <feed/input.h>
#include <source/etcd_answer.h>
#include <stdint.h>

struct error;

/* The rest of a key's name, after `skipped` bytes, for a message. Returns `text`. */
#define ETCD_VALUE_NAME_SIZE 128
const char *etcd_value_name(const struct etcd_answer_pair *pair, size_t skipped,
			    char text[ETCD_VALUE_NAME_SIZE]);

/* Reads the rules into `input`, of which the caller has set the first members, and which it
 * releases, also after a failure. Timeouts count from input->now. Returns 0; or a negative errno
 * and sets *err, -EINVAL or -EFBIG for a value that is wrong. */
int etcd_value_read(const struct etcd_answer_pair *pair, size_t skipped, uint64_t max_bytes,
		    const char *format, struct input *input, struct error *err);

#endif
