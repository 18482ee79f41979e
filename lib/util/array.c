// SPDX-License-Identifier: GPL-2.0
/*
 * How does an array grow?
 */
#include <util/array.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Arrays from here on are worth a system call that saves hundreds of page faults. */
#define LARGE_BYTES ((size_t)4 << 20)

/* Asks for huge pages. Only faster where it works. */
static void use_huge_pages(void *start, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = ((uintptr_t)start + page - 1) / page * page;

	if (size >= LARGE_BYTES)
		madvise((void *)first, (uintptr_t)start + size - first, MADV_HUGEPAGE);
}

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
	use_huge_pages(moved, fresh * item_size);
	memcpy(items, &moved, sizeof(moved));
	*capacity = fresh;
	return 0;
}
