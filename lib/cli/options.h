/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which options does a command have, and what did the user ask for?
 *
 * One table says all of a command's options: name, kind, the field of the command's request that
 * each fills, help. It feeds the parser and --help; the completion is generated from --help, and
 * the manual is checked against it.
 *
 *	struct add_request {
 *		struct option_texts devices;
 *		enum verdict verdict;
 *	};
 *	static const struct option_spec add_options[] = {
 *		OPTION_TEXTS('d', "dev", "IFNAME", struct add_request, devices,
 *			     "Only this interface."),
 *		OPTION_VALUE(0, "drop", struct add_request, verdict, DROP, "The rules drop."),
 *		OPTION_END,
 *	};
 *
 * Options and positionals may be mixed; "--" ends the options. A long name may be abbreviated. The
 * last of several texts counts, except where an option collects them.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Texts of the command line; argv owns them, options_done() releases the list. Zeroed is empty. */
struct option_texts {
	const char **items;
	size_t count;
	size_t capacity;
};

/* The arguments from one positional on. */
struct option_rest {
	int argc;
	char **argv;
};

/* The name of a value, from 0 on without a gap; NULL after the last. */
typedef const char *(*option_choice)(unsigned int value);

enum option_kind {
	OPTION_KIND_END,
	OPTION_KIND_FLAG,
	OPTION_KIND_STOP,
	OPTION_KIND_VALUE,
	OPTION_KIND_ENUM,
	OPTION_KIND_NUMBER,
	OPTION_KIND_DURATION,
	OPTION_KIND_TEXT,
	OPTION_KIND_TEXTS,
	OPTION_KIND_POSITIONAL,
	OPTION_KIND_POSITIONALS,
	OPTION_KIND_REST,
	OPTION_KIND_NO_POSITIONALS,
};

/* A row of a table, made by the macros below. */
struct option_spec {
	enum option_kind kind;
	char letter;          /* '\0': none */
	const char *name;     /* after "--"; NULL for positionals */
	const char *argument; /* what the help calls its value; NULL: it takes none */
	const char *help;     /* whole sentences; of a positional, why one too many is refused */
	size_t field;         /* its offset in the request */
	unsigned int value;
	uint64_t min, max;
	option_choice choice;
	bool (*is_valid)(const char *text);
	const char *demand; /* what is_valid() demands, for the message */
};

/* The offset of a field, after a check that it is of the type that the row fills. */
#define OPTION_FIELD(request, field, type)                                                       \
	(offsetof(request, field) +                                                              \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((request *)0)->field), type) ? \
				 1 :                                                             \
				 -1]))

/* The offset of an enumeration, or of another integer as wide. */
#define OPTION_ENUM_FIELD(request, field) \
	(offsetof(request, field) +       \
	 0 * sizeof(char[sizeof(((request *)0)->field) == sizeof(unsigned int) ? 1 : -1]))

/* Sets a bool. */
#define OPTION_FLAG(letter_, name_, request, field_, help_)                 \
	{                                                                   \
		.kind = OPTION_KIND_FLAG, .letter = letter_, .name = name_, \
		.field = OPTION_FIELD(request, field_, bool), .help = help_ \
	}

/* Sets a bool and ends the reading. Errors before and after it do not count. */
#define OPTION_STOP(letter_, name_, request, field_, help_)                 \
	{                                                                   \
		.kind = OPTION_KIND_STOP, .letter = letter_, .name = name_, \
		.field = OPTION_FIELD(request, field_, bool), .help = help_ \
	}

/* Sets an enumeration to one value. Rows of one field exclude each other. */
#define OPTION_VALUE(letter_, name_, request, field_, value_, help_)                        \
	{                                                                                   \
		.kind = OPTION_KIND_VALUE, .letter = letter_, .name = name_,                \
		.field = OPTION_ENUM_FIELD(request, field_), .value = value_, .help = help_ \
	}

/* Sets an enumeration to the value of this name. */
#define OPTION_ENUM(letter_, name_, argument_, request, field_, choice_, help_)                    \
	{                                                                                          \
		.kind = OPTION_KIND_ENUM, .letter = letter_, .name = name_, .argument = argument_, \
		.field = OPTION_ENUM_FIELD(request, field_), .choice = choice_, .help = help_      \
	}

/* Sets an unsigned int to a number from min_ to max_. */
#define OPTION_NUMBER(letter_, name_, argument_, request, field_, min_, max_, help_)         \
	{                                                                                    \
		.kind = OPTION_KIND_NUMBER, .letter = letter_, .name = name_,                \
		.argument = argument_, .field = OPTION_FIELD(request, field_, unsigned int), \
		.min = min_, .max = max_, .help = help_                                      \
	}

/* Sets a uint64_t to a number of seconds, above 0. */
#define OPTION_DURATION(letter_, name_, argument_, request, field_, help_)               \
	{                                                                                \
		.kind = OPTION_KIND_DURATION, .letter = letter_, .name = name_,          \
		.argument = argument_, .field = OPTION_FIELD(request, field_, uint64_t), \
		.help = help_                                                            \
	}

/* Sets a const char * to a text for which is_valid_() holds; demand_ says what that is. */
#define OPTION_NAME(letter_, name_, argument_, request, field_, is_valid_, demand_, help_)         \
	{                                                                                          \
		.kind = OPTION_KIND_TEXT, .letter = letter_, .name = name_, .argument = argument_, \
		.field = OPTION_FIELD(request, field_, const char *), .is_valid = is_valid_,       \
		.demand = demand_, .help = help_                                                   \
	}

/* Sets a const char * to any text, such as the name of a file. */
#define OPTION_TEXT(letter_, name_, argument_, request, field_, help_)                             \
	{                                                                                          \
		.kind = OPTION_KIND_TEXT, .letter = letter_, .name = name_, .argument = argument_, \
		.field = OPTION_FIELD(request, field_, const char *), .help = help_                \
	}

/* Sets a const char * to one of the choices. */
#define OPTION_CHOICE(letter_, name_, argument_, request, field_, choice_, help_)                  \
	{                                                                                          \
		.kind = OPTION_KIND_TEXT, .letter = letter_, .name = name_, .argument = argument_, \
		.field = OPTION_FIELD(request, field_, const char *), .choice = choice_,           \
		.help = help_                                                                      \
	}

/* Adds a text to a struct option_texts. May be given several times. */
#define OPTION_TEXTS(letter_, name_, argument_, request, field_, help_)                    \
	{                                                                                  \
		.kind = OPTION_KIND_TEXTS, .letter = letter_, .name = name_,               \
		.argument = argument_,                                                     \
		.field = OPTION_FIELD(request, field_, struct option_texts), .help = help_ \
	}

/* Adds each positional to a struct option_texts. */
#define OPTION_POSITIONALS(argument_, request, field_)                      \
	{                                                                   \
		.kind = OPTION_KIND_POSITIONALS, .argument = argument_,     \
		.field = OPTION_FIELD(request, field_, struct option_texts) \
	}

/* Sets a const char * to the only positional; surplus_ refuses a second one. */
#define OPTION_POSITIONAL(argument_, request, field_, surplus_)                        \
	{                                                                              \
		.kind = OPTION_KIND_POSITIONAL, .argument = argument_,                 \
		.field = OPTION_FIELD(request, field_, const char *), .help = surplus_ \
	}

/* Sets a struct option_rest: the first positional, and what follows it unread. Ends the reading. */
#define OPTION_REST(argument_, request, field_)                            \
	{                                                                  \
		.kind = OPTION_KIND_REST, .argument = argument_,           \
		.field = OPTION_FIELD(request, field_, struct option_rest) \
	}

/* Refuses a positional; hint_ says where such an argument belongs. Without this row, no hint is
 * given. */
#define OPTION_NO_POSITIONALS(hint_)                              \
	{                                                         \
		.kind = OPTION_KIND_NO_POSITIONALS, .help = hint_ \
	}

#define OPTION_END                      \
	{                               \
		.kind = OPTION_KIND_END \
	}

/* A table, and the request whose fields its rows fill. */
struct option_table {
	const struct option_spec *specs;
	void *request;
};

/* Tables that are read together. */
struct options {
	const char *command; /* in messages; NULL: the options before the command */
	struct option_table own;
	struct option_table common; /* options of all commands, last in the help */
};

/* Reads argv[1] and what follows it into the requests, whose fields hold the defaults. Refuses the
 * first thing that is wrong with ERROR_USAGE. The requests own lists whatever is returned: release
 * them with options_done(). One reading at a time: getopt_long() has global state. */
int options_read(const struct options *options, int argc, char **argv, struct error *err);

/* Releases the lists of the requests. */
void options_done(const struct options *options);

/* "COMMAND: complaint; see 'xdp-ipfilter COMMAND --help'". Returns -EINVAL. */
int options_refuse(const struct options *options, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "red, green, blue" */
#define OPTIONS_NAMES_SIZE 256
void options_list_choices(option_choice choice, char names[OPTIONS_NAMES_SIZE]);

#endif
