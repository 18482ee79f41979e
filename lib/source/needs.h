/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which libraries does a kind of source need, and does this build have them?
 *
 * Apart from source.h, so that whoever only asks is not linked with these libraries.
 */
#ifndef SOURCE_NEEDS_H
#define SOURCE_NEEDS_H

#include <source/location.h>

struct error;

/* Returns 0, or -ENOTSUP and sets *err, which says what is missing and which package brings it. */
int needs_check(enum location_kind kind, struct error *err);

#endif
