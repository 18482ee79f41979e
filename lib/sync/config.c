// SPDX-License-Identifier: GPL-2.0
/*
 * What is sync to follow, and where?
 */
#include <sync/config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ruleset/ruleset.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

static void source_done(struct config_source *source)
{
	for (size_t i = 0; i < source->interface_count; i++)
		free(source->interfaces[i]);
	free(source->interfaces);
	free(source->set);
	free(source->format);
	free(source->ca);
	free(source->cert);
	free(source->key);
	free(source->user_file);
	free(source->key_file);
	location_done(&source->location);
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < config->source_count; i++)
		source_done(&config->sources[i]);
	free(config->sources);
	*config = (struct config){ 0 };
}

static int check_set(const struct config *config, const char *set, struct error *err)
{
	if (!ruleset_name_valid(set))
		return error_set_usage(err,
				       "'%s': a set's name is 1 to 31 of A-Z a-z 0-9 . _ -, the "
				       "first a letter or a digit",
				       set);
	for (size_t i = 0; i < config->source_count; i++)
		if (!strcmp(config->sources[i].set, set))
			return error_set_usage(err, "set %s: has a source already, %s", set,
					       config->sources[i].location.text);
	return 0;
}

static int fill(struct config_source *source, const char *set, const char *location,
		struct error *err)
{
	int ret = location_parse(location, &source->location, err);

	if (ret)
		return ret;
	source->every_s = CONFIG_EVERY_S;
	source->verdict = VERDICT_BY_POLICY;
	source->max_bytes = CONFIG_MAX_BYTES;
	source->set = strdup(set);
	return source->set ? 0 : error_no_memory(err);
}

int config_add_source(struct config *config, const char *set, const char *location,
		      struct config_source **out, struct error *err)
{
	struct config_source source = { 0 };
	int ret = check_set(config, set, err);

	if (ret)
		return ret;
	if (array_reserve(&config->sources, &config->source_capacity, config->source_count + 1,
			  sizeof(*config->sources)))
		return error_no_memory(err);
	ret = fill(&source, set, location, err);
	if (ret) {
		source_done(&source);
		return ret;
	}
	config->sources[config->source_count] = source;
	*out = &config->sources[config->source_count++];
	return 0;
}

int config_add(struct config *config, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	struct config_source *source;
	auto_free char *set = NULL;

	if (!equals)
		return error_set_usage(err, "'%s': a source is given as SET=SOURCE", text);
	set = strndup(text, (size_t)(equals - text));
	return set ? config_add_source(config, set, equals + 1, &source, err) :
		     error_no_memory(err);
}
