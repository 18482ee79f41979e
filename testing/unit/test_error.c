// SPDX-License-Identifier: GPL-2.0
/*
 * Do failures and warnings reach the user as safe, complete lines?
 */
#include <util/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <util/log.h>

#include "support.h"

static void message_and_code(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(error_set(&err, -ENODEV, "%s: no such interface", "eth7"), -ENODEV);
	assert_string_equal(err.text, "eth7: no such interface");
	assert_int_equal(error_prefix(&err, -EIO, "file %d", 3), -EIO);
	assert_string_equal(err.text, "file 3: eth7: no such interface");
}

static void nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_prefix(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_set_usage(NULL, "x"), -EINVAL);
	assert_int_equal(error_set_absent(NULL, -ENOENT, "x"), -ENOENT);
	assert_int_equal(error_set_kind(NULL, -EIO, ERROR_USAGE), -EIO);
	assert_false(error_is(NULL, ERROR_FAILURE));
	error_clear(NULL);
}

static void own_text_as_argument(void **state)
{
	struct error err = { .text = "inner" };

	(void)state;
	error_set(&err, -EIO, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
	error_prefix(&err, -EIO, "%s", err.text);
	assert_string_equal(err.text, "outer (inner): outer (inner)");
}

static void kinds(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_true(error_is(&err, ERROR_FAILURE));
	assert_int_equal(error_set_usage(&err, "'%s': unknown option", "-x"), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_int_equal(error_prefix(&err, -EINVAL, "add"), -EINVAL);
	assert_true(error_is(&err, ERROR_USAGE));
	assert_string_equal(err.text, "add: '-x': unknown option");
	assert_int_equal(error_set_absent(&err, -ENOENT, "%s: not loaded", "lo"), -ENOENT);
	assert_true(error_is(&err, ERROR_ABSENT));
	assert_string_equal(err.text, "lo: not loaded");
	/* The kernel's EINVAL is a failure, whatever was there before. */
	assert_int_equal(error_set(&err, -EINVAL, "refused"), -EINVAL);
	assert_true(error_is(&err, ERROR_FAILURE));
	assert_int_equal(error_set_kind(&err, -ENODEV, ERROR_ABSENT), -ENODEV);
	assert_true(error_is(&err, ERROR_ABSENT));
	assert_string_equal(err.text, "refused");
	assert_int_equal(error_no_memory(&err), -ENOMEM);
	assert_true(error_is(&err, ERROR_FAILURE));
	error_set_kind(&err, -ENODEV, ERROR_ABSENT);
	error_clear(&err);
	assert_true(error_is(&err, ERROR_FAILURE));
	assert_string_equal(err.text, "");
}

static void terminal_escapes(void **state)
{
	struct error err = { 0 };

	(void)state;
	error_set(&err, -EIO, "'%s': bad", "\x1b[2J\n");
	assert_string_equal(err.text, "'\\x1b[2J\\x0a': bad");
	error_prefix(&err, -EIO, "a\nb");
	assert_string_equal(err.text, "a\\x0ab: '\\x1b[2J\\x0a': bad");
}

static void long_message(void **state)
{
	struct error err = { 0 };
	char message[6000];

	(void)state;
	memset(message, 'x', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	error_set(&err, -EIO, "%s", message);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, -EIO, "%s", message);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

/* Captures stderr while `speak` runs. */
static void capture(void (*speak)(void), char *out, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t length;

	assert_non_null(file);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	speak();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	length = fread(out, 1, size - 1, file);
	out[length] = '\0';
	fclose(file);
}

static void say_everything(void)
{
	log_warning("%s is odd", "eth0");
	log_verbose("quiet %d", 1);
	log_error("no");
}

static void levels(void **state)
{
	char out[512];

	(void)state;
	log_set_level(LOG_WARNINGS);
	capture(say_everything, out, sizeof(out));
	assert_string_equal(out, "xdp-ipfilter: warning: eth0 is odd\nxdp-ipfilter: no\n");
	log_set_level(LOG_VERBOSE);
	assert_int_equal(log_level(), LOG_VERBOSE);
	capture(say_everything, out, sizeof(out));
	assert_string_equal(out, "xdp-ipfilter: warning: eth0 is odd\nxdp-ipfilter: quiet 1\n"
				 "xdp-ipfilter: no\n");
}

static void say_a_hostile_name(void)
{
	log_warning("%s is odd", "a\nxdp-ipfilter: b\x1b[1m\n");
	log_verbose("%s", "two\nlines");
}

static void names_begin_no_lines(void **state)
{
	char out[512];

	(void)state;
	log_set_level(LOG_VERBOSE);
	capture(say_a_hostile_name, out, sizeof(out));
	assert_string_equal(out,
			    "xdp-ipfilter: warning: a\\x0axdp-ipfilter: b\\x1b[1m\\x0a is odd\n"
			    "xdp-ipfilter: two\\x0alines\n");
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "a failure has a message and a code", message_and_code, NULL);
	suite_add(&suite, "a failure that no caller reads keeps its code", nobody_listens, NULL);
	suite_add(&suite, "the old message may be part of the new", own_text_as_argument, NULL);
	suite_add(&suite, "a failure has a kind, which the last message decides", kinds, NULL);
	suite_add(&suite, "terminal escapes are disarmed", terminal_escapes, NULL);
	suite_add(&suite, "a long message is truncated", long_message, NULL);
	suite_add(&suite, "what is said depends on the level", levels, NULL);
	suite_add(&suite, "a line end in a name begins no line", names_begin_no_lines, NULL);
	return suite_run(&suite, "error");
}
