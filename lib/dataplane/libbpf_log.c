/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where do the words of libbpf and libxdp go?
 */
#include <dataplane/libbpf_log.h>

#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <dataplane/attach.h>
#include <util/log.h>

static char last_warning[512];

void libbpf_log_clear(void)
{
	last_warning[0] = '\0';
}

const char *libbpf_log_last(void)
{
	return last_warning;
}

static void take(const char *library, bool warning, const char *format, va_list args)
{
	char text[4096];
	char *line, *rest = text;

	vsnprintf(text, sizeof(text), format, args);
	/* The verifier's log comes as one message of many lines. */
	while ((line = strsep(&rest, "\n"))) {
		while (*line == ' ')
			line++;
		if (!strncmp(line, "libbpf: ", strlen("libbpf: ")))
			line += strlen("libbpf: ");
		if (!*line)
			continue;
		if (warning)
			snprintf(last_warning, sizeof(last_warning), "%s", line);
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

void dataplane_init(void)
{
	libbpf_set_print(from_libbpf);
	libxdp_set_print(from_libxdp);
}
