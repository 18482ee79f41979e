// SPDX-License-Identifier: GPL-2.0
/*
 * Does any text make the reader of a published list misbehave? The name of the program, fuzz_NAME,
 * selects the format.
 */
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static const struct format *format;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '_');

	(void)argc;
	format = name ? format_find(name + 1) : NULL;
	assert(format);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset rules;

	if (!size)
		return 0;
	if (fuzz_read(data, size, format, &rules))
		fuzz_write_and_read(&rules);
	ruleset_done(&rules);
	return 0;
}
