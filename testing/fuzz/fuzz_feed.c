// SPDX-License-Identifier: GPL-2.0
/*
 * Does any text make the reader of a list of others misbehave? Built once for each FORMAT.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset rules;

	if (!size)
		return 0;
	if (fuzz_read(data, size, &FORMAT, &rules))
		fuzz_write_and_read(&rules);
	ruleset_done(&rules);
	return 0;
}
