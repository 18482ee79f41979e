// SPDX-License-Identifier: GPL-2.0
/*
 * Where do the messages of libbpf and libxdp go?
 */
#include <dataplane/libbpf_log.h>

#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <util/auto.h>
#include <util/log.h>

#define KERNEL_PREFIX "Kernel error message: "

static char last_warning[512];
static char kernel_message[512];

void libbpf_log_clear(void)
{
	last_warning[0] = '\0';
	kernel_message[0] = '\0';
}

const char *libbpf_log_last(void)
{
	return last_warning;
}

const char *libbpf_log_kernel(void)
{
	return kernel_message;
}

static void keep(const char *line)
{
	if (strncmp(line, KERNEL_PREFIX, strlen(KERNEL_PREFIX)) != 0) {
		snprintf(last_warning, sizeof(last_warning), "%s", line);
		return;
	}
	line += strlen(KERNEL_PREFIX);
	snprintf(kernel_message, sizeof(kernel_message), "%s", line);
	snprintf(last_warning, sizeof(last_warning), "the kernel says \"%s\"", line);
}

static char *skip_prefix(char *line, const char *prefix)
{
	return strncmp(line, prefix, strlen(prefix)) != 0 ? line : line + strlen(prefix);
}

static void take(const char *library, bool warning, const char *format, va_list args)
{
	auto_free char *text = NULL;
	char *line, *rest;

	if (vasprintf(&text, format, args) < 0)
		return;
	rest = text;
	/* The verifier's log arrives as one message of many lines, and the last ones say what is
	 * wrong. */
	while ((line = strsep(&rest, "\n"))) {
		while (*line == ' ')
			line++;
		line = skip_prefix(skip_prefix(line, "libbpf: "), "libxdp: ");
		if (!*line)
			continue;
		if (warning)
			keep(line);
		log_verbose("%s: %s", library, line);
	}
}

static int from_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_DEBUG)
		take("libbpf", level == LIBBPF_WARN, format, args);
	return 0;
}

static int from_libxdp(enum libxdp_print_level level, const char *format, va_list args)
{
	take("libxdp", level == LIBXDP_WARN, format, args);
	return 0;
}

void libbpf_log_init(void)
{
	libbpf_set_print(from_libbpf);
	libxdp_set_print(from_libxdp);
}
