/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How does an array grow?
 */
#ifndef UTIL_ARRAY_H
#define UTIL_ARRAY_H

#include <stddef.h>

/* Makes room for `need` items of `item_size` bytes in *items, which now has room for *capacity (at
 * first NULL and 0). Grows by half at least, so appending is linear. Returns 0, or -ENOMEM with
 * nothing changed. The caller frees *items. */
int array_reserve(void *items, size_t *capacity, size_t need, size_t item_size);

#endif
