/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where does the program start, and how does it end?
 *
 * The words of a failure are printed here, once. Whatever was written is on its way before the
 * exit code says so.
 */
#include "cmd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cli/report.h>
#include <dataplane/attach.h>
#include <dataplane/capability.h>
#include <dataplane/libbpf_log.h>
#include <dataplane/lock.h>
#include <util/descriptors.h>
#include <util/error.h>
#include <util/log.h>

#include "iface.h"

static const struct command *const commands[] = {
	&cmd_load,  &cmd_run,  &cmd_unload, &cmd_repair, &cmd_add,  &cmd_del,  &cmd_replace,
	&cmd_flush, &cmd_list, &cmd_test,   &cmd_status, &cmd_poll, &cmd_help, NULL,
};

/* Before anything is looked at: what runs out of them later, in libraries, is told as something else. */
static int check_descriptors(unsigned int needs, struct error *err)
{
	if (!needs)
		return 0;
	return descriptors_check(needs & CAPABILITY_ATTACH ? ATTACH_DESCRIPTORS : IFACE_DESCRIPTORS,
				 err);
}

const struct command_table command_table = {
	.version = XDP_IPFILTER_VERSION,
	.summary =
		"Drops or passes packets by their source address, in XDP, before the kernel's network\n"
		"stack sees them.",
	.commands = commands,
	.start = capability_limit,
	.ready = check_descriptors,
	.set_lock_timeout = lock_set_timeout,
};

/* A map that got one of the first three descriptors would be written to by a message. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		_exit(EXIT_FAILED);
	close(fd);
}

int main(int argc, char **argv)
{
	struct error err = { "" };
	enum exit_code code;

	/* What libxdp makes in the BPF file system is root's, whatever we were started with: folders
	 * that lack root's own bits could not be entered again. */
	umask(S_IRWXG | S_IRWXO);
	open_standard_streams();
	/* A reader that goes away is an error of the write that follows, not the end of us. */
	signal(SIGPIPE, SIG_IGN);
	descriptors_raise();
	libbpf_log_init();

	code = command_main(&command_table, argc, argv, &err);
	if (!err.text[0] && report_flush(stdout, &err) < 0)
		code = EXIT_FAILED;
	if (err.text[0])
		log_error(err.text);
	return code;
}
