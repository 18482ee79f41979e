/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What does a random test draw, and from which seed?
 */
#ifndef TEST_CHANCE_H
#define TEST_CHANCE_H

#include <ipfilter/abi.h>
#include <stdbool.h>

/* A number that the environment may set. Anything else there ends the test. */
unsigned long long chance_setting(const char *name, unsigned long long standard);

/* Begins with the seed of $SEED, or another one each time, and returns it: print it. */
__u64 chance_begin(void);

__u64 chance_bits(void);
__u32 chance_below(__u32 limit);
bool chance_one_in(__u32 n);

#endif
