/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much time does a duration that a Go program wrote mean?
 */
#ifndef SOURCE_GO_DURATION_H
#define SOURCE_GO_DURATION_H

#include <stdint.h>

/* Reads what Go's Duration.String() writes: "3h59m57.609s", "-134.5ms", "1.5us", "0s". The
 * units are h, m, s, ms, us (or with a mu) and ns, each at most once and the largest first; only
 * the last number may have a fraction. Parts of a nanosecond are cut off. Returns 0, -EINVAL, or
 * -ERANGE for more than 292 years; writes *ns only on success. */
int go_duration_parse(const char *text, int64_t *ns);

#endif
