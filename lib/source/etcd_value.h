/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which rules does a key of etcd ask for?
 *
 * Its value is a list (list.h), packed by gzip or not. If it
 * is empty, the key's own name after the prefix is the rule.
 */
#ifndef SOURCE_ETCD_VALUE_H
#define SOURCE_ETCD_VALUE_H

#include <feed/input.h>
#include <source/etcd_answer.h>
#include <source/job.h>
#include <stddef.h>

struct error;

/* The rest of a key's name, after `skipped` bytes, for a message. Returns `text`. */
#define ETCD_VALUE_NAME_SIZE 128
const char *etcd_value_name(const struct etcd_answer_pair *pair, size_t skipped,
			    char text[ETCD_VALUE_NAME_SIZE]);

/* Reads the rules into `input`, which is zeroed. Messages call the value `name`, which must live as
 * long as the input. Returns 0; -ENOMEM; or, for a value that is wrong, another negative errno, and
 * sets *err. Release with input_done() in all cases. */
int etcd_value_read(const struct etcd_answer_pair *pair, size_t skipped, const struct job *job,
		    const char *name, struct input *input, struct error *err);

#endif
