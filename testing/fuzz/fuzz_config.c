// SPDX-License-Identifier: GPL-2.0
/*
 * Does the reader of configuration files refuse what is none, and is it good for the next one?
 */
#include "fuzz.h"

#include <source/needs.h>
#include <sync/config.h>
#include <sync/config_file.h>

int needs_check(enum location_kind kind, struct error *err)
{
	(void)kind;
	(void)err;
	return 0;
}

static int parse(const void *text, size_t size, struct config *config, struct error *err)
{
	FILE *file = fmemopen((void *)text, size, "r");
	int ret;

	assert(file);
	ret = config_file_parse(file, "sync.conf", config, err);
	fclose(file);
	return ret;
}

static void check_source(const struct config_source *source)
{
	assert(ruleset_name_valid(source->set));
	assert(source->location.text);
	assert(source->max_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "source x { from = /a }";
	struct config config = { 0 };
	struct error err = { { 0 } };
	int ret = size ? parse(data, size, &config, &err) : 0;

	assert(ret ? !strncmp(err.text, "sync.conf:", 10) && err.kind == ERROR_USAGE :
		     !err.text[0]);
	for (size_t i = 0; i < config.source_count && !ret; i++)
		check_source(&config.sources[i]);
	config_done(&config);

	assert(!parse(good, sizeof(good) - 1, &config, &err));
	assert(config.source_count == 1);
	config_done(&config);
	return 0;
}
