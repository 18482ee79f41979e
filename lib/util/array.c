// SPDX-License-Identifier: GPL-2.0
/*
 * How does an array grow?
 */
#include <util/array.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int array_reserve(void *items, size_t *capacity, size_t need, size_t item_size)
{
	size_t grown = *capacity + *capacity / 2;
	size_t fresh = need > grown ? need : grown;
	void *old, *moved;

	if (need <= *capacity)
		return 0;
	if (fresh > SIZE_MAX / item_size)
		return -ENOMEM;

	/* Copied, not cast: *items has the caller's type, which void ** may not alias. */
	memcpy(&old, items, sizeof(old));
	moved = realloc(old, fresh * item_size);
	if (!moved)
		return -ENOMEM;
	memcpy(items, &moved, sizeof(moved));
	*capacity = fresh;
	return 0;
}
