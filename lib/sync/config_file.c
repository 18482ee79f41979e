// SPDX-License-Identifier: GPL-2.0
/*
 * What does a configuration file of sync say?
 *
 * libconfuse takes the file apart. All values are texts to it: what they mean is decided by
 * config.h, when their section is complete.
 */
#include <sync/config_file.h>

#include <confuse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sync/config.h>
#include <sync/config_text.h>
#include <util/array.h>
#include <util/auto.h>
#include <util/error.h>

#define KEYS_MAX 32
#define BLOCK_SIZE 4096
#define SIZE_LIMIT (1 << 20)

/* The file that is being read: the callbacks of libconfuse get no context. */
static struct {
	struct config *config;
	struct error *err;
	int ret;                      /* the first failure */
	unsigned int lines[KEYS_MAX]; /* of each key of the open section; 0: not given */
	const cfg_opt_t *keys;        /* of that section */
} reading;

/* Keeps the first failure, with the place. */
static int fail_at(const cfg_t *cfg, unsigned int line, int ret, const struct error *failure)
{
	if (reading.ret)
		return -1;
	reading.ret = ret;
	if (reading.err)
		*reading.err = *failure;
	if (failure->text[0] && failure->kind == ERROR_USAGE)
		error_prefix(reading.err, ret, "%s:%u", cfg->filename, line);
	return -1;
}

/* What libconfuse says, and a message that says what to do. Both take the same arguments. */
static const struct {
	const char *theirs, *ours;
} messages[] = {
	{ "no such option '%s'",
	  "'%s': there is no such key here; xdp-ipfilter(8) lists them under SYNC" },
	{ "found duplicate title '%s'", "'%s': there is another one of this name; merge them" },
	{ "premature end of file", "the file ends too early" },
};

static const char *own_message(const char *theirs)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (!strcmp(messages[i].theirs, theirs))
			return messages[i].ours;
	return theirs;
}

static void __attribute__((format(printf, 2, 0)))
take_error(cfg_t *cfg, const char *format, va_list arguments)
{
	struct error failure = { 0 };
	char text[sizeof(failure.text)];

	vsnprintf(text, sizeof(text), own_message(format), arguments);
	error_set_usage(&failure, "%s", text);
	fail_at(cfg, (unsigned int)cfg->line, -EINVAL, &failure);
}

/* Notes the line of each value as it is read, and refuses a second one. */
static int note_line(cfg_t *cfg, cfg_opt_t *opt)
{
	struct error failure = { 0 };
	unsigned int *line = &reading.lines[opt - cfg->opts];

	/* The first key of a section. */
	if (reading.keys != cfg->opts) {
		memset(reading.lines, 0, sizeof(reading.lines));
		reading.keys = cfg->opts;
	}
	if (*line && !config_is_list(opt->name)) {
		error_set_usage(&failure, "%s: was given in line %u already; leave one out",
				opt->name, *line);
		return fail_at(cfg, (unsigned int)cfg->line, -EINVAL, &failure);
	}
	*line = (unsigned int)cfg->line;
	return 0;
}

/* Sets the keys of a section, in the order of the table; `set` gets the thing, key and text. */
typedef int (*set_key)(void *thing, const char *key, const char *text, struct error *err);

static int set_source(void *thing, const char *key, const char *text, struct error *err)
{
	return config_set_source(thing, key, text, err);
}

static int set_interface(void *thing, const char *key, const char *text, struct error *err)
{
	return config_set_interface(thing, key, text, err);
}

static unsigned int line_of(const cfg_t *section, unsigned int key)
{
	return reading.keys == section->opts ? reading.lines[key] : 0;
}

static int set_all(cfg_t *section, void *thing, set_key set)
{
	struct error failure = { 0 };

	for (unsigned int key = 0; section->opts[key].name; key++) {
		cfg_opt_t *opt = &section->opts[key];
		unsigned int line = line_of(section, key);

		for (unsigned int i = 0; line && i < cfg_opt_size(opt); i++) {
			int ret = set(thing, opt->name, cfg_opt_getnstr(opt, i), &failure);

			if (ret)
				return fail_at(section, line, ret, &failure);
		}
	}
	return 0;
}

/* The section that was just completed. */
static cfg_t *last_section(cfg_opt_t *opt)
{
	return cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
}

static int end_source(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = last_section(opt);
	unsigned int line = (unsigned int)cfg->line;
	struct config_source *source;
	struct error failure = { 0 };
	int ret = config_add_source(reading.config, cfg_title(section), &source, &failure);

	if (ret)
		return fail_at(cfg, line, ret, &failure);
	if (!line_of(section, 0)) {
		config_finish_source(source, &failure);
		error_prefix(&failure, -EINVAL, "source %s", cfg_title(section));
		return fail_at(cfg, line, -EINVAL, &failure);
	}
	if (set_all(section, source, set_source))
		return -1;
	ret = config_finish_source(source, &failure);
	if (!ret)
		return 0;
	error_prefix(&failure, ret, "source %s", source->set);
	return fail_at(cfg, line, ret, &failure);
}

static int end_interface(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = last_section(opt);
	struct config_interface *iface;
	struct error failure = { 0 };
	int ret = config_add_interface(reading.config, cfg_title(section), &iface, &failure);

	if (ret)
		return fail_at(cfg, (unsigned int)cfg->line, ret, &failure);
	return set_all(section, iface, set_interface);
}

/* Makes the options of a section from the names of its keys. */
static void make_keys(const char *(*name)(unsigned int number), cfg_opt_t keys[KEYS_MAX])
{
	unsigned int key;

	for (key = 0; name(key); key++)
		keys[key] = (cfg_opt_t){
			.name = name(key),
			.type = CFGT_STR,
			.flags = CFGF_NODEFAULT | (config_is_list(name(key)) ? CFGF_LIST : 0),
			.validcb = note_line,
		};
	keys[key] = (cfg_opt_t){ .type = CFGT_NONE };
}

static cfg_opt_t section(const char *name, cfg_opt_t *keys, cfg_validate_callback_t end)
{
	return (cfg_opt_t){
		.name = name,
		.type = CFGT_SEC,
		.flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
		.subopts = keys,
		.validcb = end,
	};
}

static int parse(cfg_t *cfg, FILE *file, const char *name)
{
	struct error failure = { 0 };

	free(cfg->filename);
	cfg->filename = strdup(name);
	cfg_set_error_function(cfg, take_error);
	if (cfg_parse_fp(cfg, file) == CFG_SUCCESS && !reading.ret)
		return 0;
	/* Not every failure has its message. */
	error_set_usage(&failure, "neither a section nor a key with a value; xdp-ipfilter(8) has "
				  "examples under SYNC");
	fail_at(cfg, (unsigned int)cfg->line, -EINVAL, &failure);
	return reading.ret;
}

static int parse_text(char *text, size_t length, const char *name, struct error *err)
{
	cfg_opt_t source_keys[KEYS_MAX], interface_keys[KEYS_MAX];
	cfg_opt_t sections[] = {
		section("source", source_keys, end_source),
		section("interface", interface_keys, end_interface),
		{ .type = CFGT_NONE },
	};
	auto_file FILE *file = fmemopen(text, length, "r");
	cfg_t *cfg;
	int ret;

	make_keys(config_source_key, source_keys);
	make_keys(config_interface_key, interface_keys);
	cfg = file ? cfg_init(sections, CFGF_NONE) : NULL;
	if (!cfg)
		return error_no_memory(err);
	ret = parse(cfg, file, name);
	cfg_free(cfg);
	return ret;
}

/* Reads the whole file, up to the limit. */
static int read_text(FILE *file, const char *name, char **text, size_t *length, struct error *err)
{
	size_t capacity = 0, count;
	int ret;

	do {
		if (array_reserve(text, &capacity, *length + BLOCK_SIZE, 1))
			return error_no_memory(err);
		count = fread(*text + *length, 1, BLOCK_SIZE, file);
		*length += count;
	} while (count && *length <= SIZE_LIMIT);
	if (ferror(file)) {
		ret = -errno;
		return error_set(err, ret, "%s: %s", name, strerror(-ret));
	}
	if (*length > SIZE_LIMIT)
		return error_set_usage(err, "%s: larger than 1 MiB; this is no configuration file",
				       name);
	return 0;
}

int config_file_parse(FILE *file, const char *name, struct config *config, struct error *err)
{
	auto_free char *text = NULL;
	size_t length = 0;
	int ret = read_text(file, name, &text, &length, err);

	if (!ret)
		ret = config_text_clean(text, length, name, err);
	if (ret || !length)
		return ret;
	memset(&reading, 0, sizeof(reading));
	reading.config = config;
	reading.err = err;
	return parse_text(text, length, name, err);
}

int config_file_read(const char *path, struct config *config, struct error *err)
{
	auto_file FILE *file = fopen(path, "re");
	int ret;

	if (file)
		return config_file_parse(file, path, config, err);
	ret = -errno;
	error_set(err, ret, "%s: cannot open it: %s", path, strerror(-ret));
	return error_set_kind(err, ret, ERROR_USAGE);
}
