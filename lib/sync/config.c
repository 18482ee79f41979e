// SPDX-License-Identifier: GPL-2.0
/*
 * Which sources does sync follow, which interfaces does it keep, and how?
 */
#include <sync/config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <feed/format.h>
#include <feed/where.h>
#include <ruleset/ruleset.h>
#include <source/needs.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/duration.h>
#include <util/error.h>
#include <util/number.h>

#define URL_EVERY_S 3600
#define URL_EVERY_MIN_S 60
#define FILE_EVERY_S 60
#define CROWDSEC_EVERY_S 10

/* A million rules are 20 MB. */
#define MAX_BYTES (UINT64_C(256) << 20)
#define MAX_BYTES_LIMIT (UINT64_C(4) << 30)

/* -- Values ------------------------------------------------------------------------------------ */

static int refuse(const char *key, const char *text, const char *demand, struct error *err)
{
	return error_set_usage(err, "%s = '%s': %s", key, text, demand);
}

/* A word that stands for a number. */
struct word {
	const char *text; /* NULL after the last */
	unsigned int value;
};

static const struct word answers[] = { { "no", false }, { "yes", true }, { NULL, 0 } };
static const struct word verdicts[] = {
	{ "drop", VERDICT_DROP },
	{ "pass", VERDICT_PASS },
	{ NULL, 0 },
};
static const struct word policies[] = { { "allow", IPF_PASS }, { "deny", IPF_DROP }, { NULL, 0 } };
static const struct word modes[] = {
	{ "native", ATTACH_MODE_NATIVE },
	{ "skb", ATTACH_MODE_SKB },
	{ "hw", ATTACH_MODE_HW },
	{ "unspecified", ATTACH_MODE_UNSPECIFIED },
	{ NULL, 0 },
};
static const struct word countings[] = {
	{ "auto", IPF_COUNT_AUTO },
	{ "always", IPF_COUNT_ALWAYS },
	{ "never", IPF_COUNT_NEVER },
	{ NULL, 0 },
};

static int read_word(const struct word *words, const char *key, const char *text, unsigned int *out,
		     struct error *err)
{
	char known[128] = "one of";

	for (const struct word *word = words; word->text; word++) {
		size_t length = strlen(known);

		if (!strcmp(word->text, text)) {
			*out = word->value;
			return 0;
		}
		snprintf(known + length, sizeof(known) - length, "%s %s", word == words ? "" : ",",
			 word->text);
	}
	return refuse(key, text, known, err);
}

static int read_duration(const char *key, const char *text, uint64_t *out, struct error *err)
{
	return duration_parse(text, out) ?
		       refuse(key, text, "a duration is 90, 15m, 12h, 7d or 1h30m", err) :
		       0;
}

/* "64M" */
static int read_size(const char *key, const char *text, uint64_t *out, struct error *err)
{
	static const char units[] = "KMG";
	uint64_t number, unit = 1;
	const char *end = number_scan(text, &number), *found;

	if (end && *end && (found = strchr(units, *end))) {
		unit <<= 10 * (found - units + 1);
		end++;
	}
	if (!end || *end || !number || number > MAX_BYTES_LIMIT / unit)
		return refuse(key, text, "a size is a number of bytes up to 4G, as 64M", err);
	*out = number * unit;
	return 0;
}

static int set_text(char **member, const char *text, struct error *err)
{
	char *copy = strdup(text);

	if (!copy)
		return error_no_memory(err);
	free(*member);
	*member = copy;
	return 0;
}

/* -- Keys of a source -------------------------------------------------------------------------- */

#define KIND(kind) (1u << (kind))
#define LISTS (KIND(LOCATION_FILE) | KIND(LOCATION_URL))
#define NETWORK (KIND(LOCATION_URL) | KIND(LOCATION_ETCD) | KIND(LOCATION_CROWDSEC))
#define ALL (KIND(LOCATION_FILE) | NETWORK | KIND(LOCATION_ROUTE))

struct source_key {
	const char *name;
	unsigned int kinds; /* of sources that have it */
	int (*set)(struct config_source *source, const char *key, const char *text,
		   struct error *err);
	bool is_list;
};

static int set_from(struct config_source *source, const char *key, const char *text,
		    struct error *err)
{
	(void)key;
	location_done(&source->location);
	return location_parse(text, &source->location, err);
}

static int set_every(struct config_source *source, const char *key, const char *text,
		     struct error *err)
{
	int ret = read_duration(key, text, &source->every_s, err);

	if (!ret && source->location.kind == LOCATION_URL && source->every_s < URL_EVERY_MIN_S)
		return refuse(key, text, "a URL is fetched once a minute at most; 1m or longer",
			      err);
	return ret;
}

static int set_hold(struct config_source *source, const char *key, const char *text,
		    struct error *err)
{
	return read_duration(key, text, &source->hold_s, err);
}

static int set_shrink(struct config_source *source, const char *key, const char *text,
		      struct error *err)
{
	unsigned int value;
	int ret = read_word(answers, key, text, &value, err);

	if (!ret)
		source->shrink = value;
	return ret;
}

static int set_verdict(struct config_source *source, const char *key, const char *text,
		       struct error *err)
{
	unsigned int value;
	int ret = read_word(verdicts, key, text, &value, err);

	if (!ret)
		source->verdict = value;
	return ret;
}

static int set_format(struct config_source *source, const char *key, const char *text,
		      struct error *err)
{
	char demand[128] = "one of";

	if (format_find(text))
		return set_text(&source->format, text, err);
	for (const char *const *name = format_names; *name; name++)
		snprintf(demand + strlen(demand), sizeof(demand) - strlen(demand), "%s %s",
			 name == format_names ? "" : ",", *name);
	return refuse(key, text, demand, err);
}

static size_t count_lines(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* Each call adds a line. */
static int add_where(struct config_source *source, const char *key, const char *text,
		     struct error *err)
{
	struct where where = { .count = 0 };
	char *joined;
	int ret = where_add(&where, text, err);

	where_done(&where);
	if (ret)
		return error_prefix(err, ret, "%s", key);
	if (source->where && count_lines(source->where) == WHERE_CONDITIONS)
		return refuse(key, text, "a source has at most 8 conditions", err);
	if (asprintf(&joined, "%s%s%s", source->where ? source->where : "",
		     source->where ? "\n" : "", text) < 0)
		return error_no_memory(err);
	free(source->where);
	source->where = joined;
	return 0;
}

static int set_max_size(struct config_source *source, const char *key, const char *text,
			struct error *err)
{
	return read_size(key, text, &source->max_bytes, err);
}

static bool has_interface(const struct config_source *source, const char *name)
{
	for (size_t i = 0; i < source->interface_count; i++)
		if (!strcmp(source->interfaces[i], name))
			return true;
	return false;
}

static int add_interface(struct config_source *source, const char *key, const char *text,
			 struct error *err)
{
	if (!*text || strlen(text) > RTNL_NAME_MAX)
		return refuse(key, text, "not the name of an interface", err);
	if (has_interface(source, text))
		return refuse(key, text, "named twice; leave one out", err);
	if (array_reserve(&source->interfaces, &source->interface_capacity,
			  source->interface_count + 1, sizeof(*source->interfaces)))
		return error_no_memory(err);
	source->interfaces[source->interface_count] = NULL;
	return set_text(&source->interfaces[source->interface_count++], text, err);
}

static int set_ca(struct config_source *source, const char *key, const char *text,
		  struct error *err)
{
	(void)key;
	return set_text(&source->ca, text, err);
}

static int set_cert(struct config_source *source, const char *key, const char *text,
		    struct error *err)
{
	(void)key;
	return set_text(&source->cert, text, err);
}

static int set_key(struct config_source *source, const char *key, const char *text,
		   struct error *err)
{
	(void)key;
	return set_text(&source->key, text, err);
}

static int set_user_file(struct config_source *source, const char *key, const char *text,
			 struct error *err)
{
	(void)key;
	return set_text(&source->user_file, text, err);
}

static int set_key_file(struct config_source *source, const char *key, const char *text,
			struct error *err)
{
	(void)key;
	return set_text(&source->key_file, text, err);
}

static const struct source_key source_keys[] = {
	{ "from", ALL, set_from, false },
	{ "every", LISTS | KIND(LOCATION_CROWDSEC), set_every, false },
	{ "interfaces", ALL, add_interface, true },
	{ "hold", ALL, set_hold, false },
	{ "shrink", ALL, set_shrink, false },
	{ "format", LISTS | KIND(LOCATION_ETCD), set_format, false },
	{ "where", LISTS, add_where, true },
	{ "verdict", ALL, set_verdict, false },
	{ "max-size", KIND(LOCATION_FILE) | NETWORK, set_max_size, false },
	{ "ca", NETWORK, set_ca, false },
	{ "cert", NETWORK, set_cert, false },
	{ "key", NETWORK, set_key, false },
	{ "user-file", KIND(LOCATION_URL) | KIND(LOCATION_ETCD), set_user_file, false },
	{ "key-file", KIND(LOCATION_CROWDSEC), set_key_file, false },
};

#define SOURCE_KEYS (sizeof(source_keys) / sizeof(source_keys[0]))

const char *config_source_key(unsigned int number)
{
	return number < SOURCE_KEYS ? source_keys[number].name : NULL;
}

static const struct source_key *find_source_key(const char *name)
{
	for (size_t i = 0; i < SOURCE_KEYS; i++)
		if (!strcmp(source_keys[i].name, name))
			return &source_keys[i];
	return NULL;
}

bool config_is_list(const char *key)
{
	const struct source_key *found = find_source_key(key);

	return found && found->is_list;
}

int config_set_source(struct config_source *source, const char *key, const char *text,
		      struct error *err)
{
	const struct source_key *found = find_source_key(key);

	if (!found)
		return error_set_usage(err, "%s: a source has no such key", key);
	if (found->set != set_from && !(found->kinds & KIND(source->location.kind)))
		return error_set_usage(err, "%s: a source of kind %s has no such key; leave it out",
				       key, location_kind_name(source->location.kind));
	return found->set(source, key, text, err);
}

/* -- Keys of an interface ---------------------------------------------------------------------- */

static int set_mode(struct config_interface *iface, const char *key, const char *text,
		    struct error *err)
{
	unsigned int value;
	int ret = read_word(modes, key, text, &value, err);

	if (!ret)
		iface->attach.mode = value;
	return ret;
}

static int set_policy(struct config_interface *iface, const char *key, const char *text,
		      struct error *err)
{
	unsigned int value;
	int ret = read_word(policies, key, text, &value, err);

	if (!ret)
		iface->attach.policy = value;
	return ret;
}

static int set_priority(struct config_interface *iface, const char *key, const char *text,
			struct error *err)
{
	uint64_t value;

	if (number_parse(text, 0, INT_MAX, &value))
		return refuse(key, text, "a number from 0 to 2147483647", err);
	iface->attach.priority = (unsigned int)value;
	return 0;
}

static int set_counters(struct config_interface *iface, const char *key, const char *text,
			struct error *err)
{
	unsigned int value;
	int ret = read_word(countings, key, text, &value, err);

	if (!ret)
		iface->attach.counting = value;
	return ret;
}

static int set_observe(struct config_interface *iface, const char *key, const char *text,
		       struct error *err)
{
	unsigned int value;
	int ret = read_word(answers, key, text, &value, err);

	if (!ret)
		iface->attach.observe = value;
	return ret;
}

static const struct {
	const char *name;
	int (*set)(struct config_interface *iface, const char *key, const char *text,
		   struct error *err);
} interface_keys[] = {
	{ "mode", set_mode },         { "policy", set_policy },   { "priority", set_priority },
	{ "counters", set_counters }, { "observe", set_observe },
};

#define INTERFACE_KEYS (sizeof(interface_keys) / sizeof(interface_keys[0]))

const char *config_interface_key(unsigned int number)
{
	return number < INTERFACE_KEYS ? interface_keys[number].name : NULL;
}

int config_set_interface(struct config_interface *iface, const char *key, const char *text,
			 struct error *err)
{
	for (size_t i = 0; i < INTERFACE_KEYS; i++)
		if (!strcmp(interface_keys[i].name, key))
			return interface_keys[i].set(iface, key, text, err);
	return error_set_usage(err, "%s: an interface has no such key", key);
}

/* -- The whole --------------------------------------------------------------------------------- */

static void source_done(struct config_source *source)
{
	free(source->set);
	location_done(&source->location);
	free(source->format);
	free(source->where);
	free(source->ca);
	free(source->cert);
	free(source->key);
	free(source->user_file);
	free(source->key_file);
	for (size_t i = 0; i < source->interface_count; i++)
		free(source->interfaces[i]);
	free(source->interfaces);
}

void config_done(struct config *config)
{
	for (size_t i = 0; i < config->source_count; i++)
		source_done(&config->sources[i]);
	for (size_t i = 0; i < config->interface_count; i++)
		free(config->interfaces[i].name);
	free(config->sources);
	free(config->interfaces);
	*config = (struct config){ 0 };
}

int config_add_source(struct config *config, const char *set, struct config_source **out,
		      struct error *err)
{
	struct config_source source = { .verdict = VERDICT_BY_POLICY, .max_bytes = MAX_BYTES };
	int ret;

	if (!ruleset_name_valid(set))
		return error_set_usage(err,
				       "source '%s': the name of a set is 1 to 31 of A-Z a-z 0-9 . "
				       "_ -, the first a letter or a digit",
				       set);
	for (size_t i = 0; i < config->source_count; i++)
		if (!strcmp(config->sources[i].set, set))
			return error_set_usage(
				err,
				"source '%s': there is another one of this name; a set has "
				"one source",
				set);
	if (array_reserve(&config->sources, &config->source_capacity, config->source_count + 1,
			  sizeof(*config->sources)))
		return error_no_memory(err);
	ret = set_text(&source.set, set, err);
	if (ret)
		return ret;
	*out = &config->sources[config->source_count++];
	**out = source;
	return 0;
}

int config_add_interface(struct config *config, const char *name, struct config_interface **out,
			 struct error *err)
{
	struct config_interface iface = {
		.attach = {
			.mode = ATTACH_MODE_NATIVE,
			.policy = IPF_PASS,
			.priority = IPF_PRIORITY,
		},
	};
	int ret;

	if (!*name || strlen(name) > RTNL_NAME_MAX)
		return error_set_usage(err, "interface '%s': not the name of an interface", name);
	for (size_t i = 0; i < config->interface_count; i++)
		if (!strcmp(config->interfaces[i].name, name))
			return error_set_usage(err,
					       "interface '%s': there is another one of this "
					       "name; merge them",
					       name);
	if (array_reserve(&config->interfaces, &config->interface_capacity,
			  config->interface_count + 1, sizeof(*config->interfaces)))
		return error_no_memory(err);
	ret = set_text(&iface.name, name, err);
	if (ret)
		return ret;
	*out = &config->interfaces[config->interface_count++];
	**out = iface;
	return 0;
}

static uint64_t default_every_s(enum location_kind kind)
{
	switch (kind) {
	case LOCATION_FILE:
		return FILE_EVERY_S;
	case LOCATION_URL:
		return URL_EVERY_S;
	case LOCATION_CROWDSEC:
		return CROWDSEC_EVERY_S;
	default:
		return 0;
	}
}

/* Conditions, and a format that knows none; or a table that without any has no rule. */
static int check_where(const struct config_source *source, struct error *err)
{
	const struct format *format = source->format ? format_find(source->format) : NULL;

	if (source->where && format && !format->takes_where)
		return error_set_usage(err,
				       "format: %s has no networks that where can choose; it is csv "
				       "or mmdb, or is left out",
				       source->format);
	if (!source->where && format && format->takes_where)
		return error_set_usage(err,
				       "where: is missing; it names the networks of the table, as "
				       "\"country=KP,RU\"");
	return 0;
}

static int check_fit(const struct config_source *source, struct error *err)
{
	if (!source->location.text)
		return error_set_usage(err, "from: is missing; it says where the set comes from");
	if (!source->cert != !source->key)
		return error_set_usage(err, "%s: is missing; cert and key go together",
				       source->cert ? "key" : "cert");
	if (source->location.kind == LOCATION_CROWDSEC && !source->key_file && !source->cert)
		return error_set_usage(err,
				       "key-file: is missing; it names the file with the key that "
				       "'cscli bouncers add NAME' prints");
	return check_where(source, err);
}

int config_finish_source(struct config_source *source, struct error *err)
{
	int ret = check_fit(source, err);

	if (!ret)
		ret = needs_check(source->location.kind, err);
	if (ret)
		return error_set_kind(err, ret, ERROR_USAGE);
	if (!source->every_s)
		source->every_s = default_every_s(source->location.kind);
	return 0;
}

static int fill_argument(struct config_source *source, const char *location, uint64_t every_s,
			 const struct option_texts *interfaces, struct error *err)
{
	char every[DURATION_TEXT_SIZE];
	int ret = config_set_source(source, "from", location, err);

	duration_format(every_s, every);
	if (!ret && every_s)
		ret = config_set_source(source, "every", every, err);
	for (size_t i = 0; i < interfaces->count && !ret; i++)
		if (!has_interface(source, interfaces->items[i]))
			ret = config_set_source(source, "interfaces", interfaces->items[i], err);
	return ret ? ret : config_finish_source(source, err);
}

int config_add_argument(struct config *config, const char *argument, uint64_t every_s,
			const struct option_texts *interfaces, struct error *err)
{
	const char *location = strchr(argument, '=');
	auto_free char *set = NULL;
	struct config_source *source;
	int ret;

	if (!location)
		return error_set_usage(err, "'%s': not SET=SOURCE, as drop=/etc/drop.txt",
				       argument);
	set = strndup(argument, (size_t)(location - argument));
	if (!set)
		return error_no_memory(err);
	ret = config_add_source(config, set, &source, err);
	if (ret)
		return ret;
	ret = fill_argument(source, location + 1, every_s, interfaces, err);
	return ret ? error_prefix(err, ret, "%s", set) : 0;
}

bool config_source_is_for(const struct config_source *source, const char *name)
{
	return !source->interface_count || has_interface(source, name);
}

static bool has_source(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->source_count; i++)
		if (config_source_is_for(&config->sources[i], name))
			return true;
	return false;
}

int config_check(const struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->interface_count; i++) {
		const struct config_interface *iface = &config->interfaces[i];

		if (iface->attach.policy == IPF_DROP && !has_source(config, iface->name))
			return error_set_usage(err,
					       "interface %s: policy = deny without a source drops "
					       "every packet; give it a source, or load it by hand",
					       iface->name);
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_interfaces(const struct config_source *a, const struct config_source *b)
{
	for (size_t i = 0; i < a->interface_count && a->interface_count == b->interface_count; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
			return false;
	return a->interface_count == b->interface_count;
}

static bool same_access(const struct config_source *a, const struct config_source *b)
{
	return same_text(a->ca, b->ca) && same_text(a->cert, b->cert) &&
	       same_text(a->key, b->key) && same_text(a->user_file, b->user_file) &&
	       same_text(a->key_file, b->key_file);
}

bool config_same_source(const struct config_source *a, const struct config_source *b)
{
	return same_text(a->set, b->set) && same_text(a->location.text, b->location.text) &&
	       a->every_s == b->every_s && a->hold_s == b->hold_s && a->shrink == b->shrink &&
	       same_text(a->format, b->format) && same_text(a->where, b->where) &&
	       a->verdict == b->verdict && a->max_bytes == b->max_bytes && same_access(a, b) &&
	       same_interfaces(a, b);
}

bool config_same_interface(const struct config_interface *a, const struct config_interface *b)
{
	return same_text(a->name, b->name) && a->attach.mode == b->attach.mode &&
	       a->attach.policy == b->attach.policy && a->attach.priority == b->attach.priority &&
	       a->attach.counting == b->attach.counting && a->attach.observe == b->attach.observe;
}
