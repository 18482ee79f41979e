// SPDX-License-Identifier: GPL-2.0
/*
 * What does libxdp call the pins of a chain?
 */
#include <dataplane/pin_name.h>

#include <stdio.h>
#include <string.h>

#define PROBE_PREFIX "prog-test-link-"

static const char *const suffixes[] = {
	[PIN_NAME_PROGRAM] = "-prog",
	[PIN_NAME_LINK] = "-link",
};

const char *pin_name_of_chain(const struct pin_name_chain *chain, char path[PIN_NAME_SIZE])
{
	snprintf(path, PIN_NAME_SIZE, PIN_NAME_ROOT "/dispatch-%u-%u", chain->ifindex,
		 chain->main_id);
	return path + strlen(PIN_NAME_ROOT "/");
}

void pin_name_of_component(const struct pin_name_chain *chain, unsigned int position,
			   enum pin_name_kind kind, char path[PIN_NAME_SIZE])
{
	size_t length;

	pin_name_of_chain(chain, path);
	length = strlen(path);
	snprintf(path + length, PIN_NAME_SIZE - length, "/prog%u%s", position - 1, suffixes[kind]);
}

bool pin_name_parse(const char *name, struct pin_name_chain *out)
{
	char path[PIN_NAME_SIZE];

	return sscanf(name, "dispatch-%u-%u", &out->ifindex, &out->main_id) == 2 &&
	       !strcmp(pin_name_of_chain(out, path), name);
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length > end_length && !strcmp(name + length - end_length, end);
}

enum pin_name_kind pin_name_kind_of(const char *name)
{
	if (ends_with(name, suffixes[PIN_NAME_PROGRAM]))
		return PIN_NAME_PROGRAM;
	return ends_with(name, suffixes[PIN_NAME_LINK]) ? PIN_NAME_LINK : PIN_NAME_OTHER;
}

bool pin_name_is_probe(const char *name)
{
	return !strncmp(name, PROBE_PREFIX, strlen(PROBE_PREFIX));
}
