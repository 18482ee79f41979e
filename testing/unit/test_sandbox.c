// SPDX-License-Identifier: GPL-2.0
/*
 * What can a program in the sandbox still do to this machine?
 *
 * Each line is tried by a child in the sandbox, as somebody who has taken it over would; and by one
 * that is not in it, where it must work, so that a refusal shows something.
 */
#include <sandbox/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <util/error.h>

#include "support.h"

/* ASan reserves more memory than the sandbox allows. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define NOT_TRIED 120 /* the exit code of a child that could not */

static char readable_file[64]; /* by all, and out of reach of the sandbox */
static int terminal, listener;

/* What each attempt returns: 0, or the errno. */
static int result_of(long returned)
{
	return returned < 0 ? errno : 0;
}

static int execute(void)
{
	char *const arguments[] = { "true", NULL };

	return result_of(execv("/bin/true", arguments));
}

static int make_process(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	return result_of(child);
}

static int make_process_anew(void)
{
	struct {
		__u64 words[8];
	} arguments = { { 0 } };
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (!child)
		_exit(0);
	return result_of(child);
}

static int signal_parent(void)
{
	return result_of(kill(getppid(), SIGCONT));
}

static int signal_thread_of_parent(void)
{
	return result_of(syscall(SYS_tgkill, getppid(), getppid(), SIGCONT));
}

static int signal_first_thread_of_parent(void)
{
	return result_of(syscall(SYS_tkill, getppid(), SIGCONT));
}

/* As the abort() of musl does it, and that of glibc. */
static int signal_itself(void)
{
	int ret = result_of(syscall(SYS_tkill, getpid(), SIGCONT));

	return ret ? ret : result_of(syscall(SYS_tgkill, getpid(), getpid(), SIGCONT));
}

static int trace(void)
{
	return result_of(syscall(SYS_ptrace, 0 /* PTRACE_TRACEME */, 0, 0, 0));
}

static int make_namespace(void)
{
	return result_of(unshare(CLONE_NEWUSER));
}

static int open_to(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int ret = result_of(fd);

	if (!ret)
		close(fd);
	return ret;
}

static int write_file(void)
{
	return open_to("/dev/null", O_WRONLY);
}

static int make_file(void)
{
	char path[] = "/tmp/xdp-ipfilter-test-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	int ret = result_of(fd);

	if (!ret) {
		close(fd);
		unlink(path);
	}
	return ret;
}

static int make_folder(void)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/tmp/xdp-ipfilter-test-%d", getpid());
	ret = result_of(mkdir(path, 0700));
	if (!ret)
		rmdir(path);
	return ret;
}

static int make_memory_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	int ret = result_of(fd);

	if (!ret)
		close(fd);
	return ret;
}

static int read_file_of_others(void)
{
	return open_to(readable_file, O_RDONLY);
}

static int read_hosts(void)
{
	return open_to("/etc/hosts", O_RDONLY);
}

static int make_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	int ret = result_of(fd);

	if (!ret)
		close(fd);
	return ret;
}

static int make_netlink_of_routes(void)
{
	return make_socket(AF_NETLINK, SOCK_RAW, 0);
}

static int make_netlink_of_audit(void)
{
	return make_socket(AF_NETLINK, SOCK_RAW, 9 /* NETLINK_AUDIT */);
}

/* Without our filter, a capability is missing. */
static int make_packet_socket(void)
{
	return make_socket(AF_PACKET, SOCK_RAW, 0);
}

static int make_tcp(void)
{
	return make_socket(AF_INET6, SOCK_STREAM, 0);
}

static int listen_to_others(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = result_of(listen(fd, 1));

	close(fd);
	return ret;
}

/* Nobody has connected. */
static int accept_connection(void)
{
	int ret = result_of(accept4(listener, NULL, NULL, SOCK_CLOEXEC));

	return ret == EAGAIN ? 0 : ret;
}

static int type_into_terminal(void)
{
	return result_of(ioctl(terminal, TIOCSTI, "x"));
}

/* Without our filter, a terminal that is no console says that it knows no such thing. */
static int paste_into_console(void)
{
	return result_of(ioctl(terminal, TIOCLINUX, "\x03")) == EPERM ? EPERM : 0;
}

static int load_bpf(void)
{
	/* Without our filter, the kernel says that there is no such command. */
	return result_of(syscall(SYS_bpf, 9999, NULL, 0)) == EPERM ? EPERM : 0;
}

static int use_keys(void)
{
	return result_of(syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -2, 1));
}

static void *do_nothing(void *context)
{
	return context;
}

static int make_thread(void)
{
	pthread_t thread;
	int ret = pthread_create(&thread, NULL, do_nothing, NULL);

	return ret ? ret : pthread_join(thread, NULL);
}

static int look_up_name(void)
{
	struct addrinfo *found = NULL;
	int ret = getaddrinfo("localhost", NULL, NULL, &found);

	if (!ret)
		freeaddrinfo(found);
	return ret ? EAGAIN : 0;
}

static int regain_root(void)
{
	return result_of(setuid(0));
}

static int read_own_memory(void)
{
	return open_to("/proc/self/mem", O_RDONLY);
}

static const struct attempt {
	const char *name;
	int (*make)(void);
	int wanted;         /* errno in the sandbox of a program that asks */
	int answering;      /* in that of a program that answers */
	bool works_outside; /* false: it may fail there too */
} attempts[] = {
	{ "no program is run", execute, EPERM, EPERM, false },
	{ "no process is made", make_process, EPERM, EPERM, true },
	{ "nor by the newer call", make_process_anew, ENOSYS, ENOSYS, false },
	{ "nobody is signalled", signal_parent, EPERM, EPERM, true },
	{ "nor by way of a thread", signal_thread_of_parent, EPERM, EPERM, true },
	{ "nor by the older call", signal_first_thread_of_parent, EPERM, EPERM, true },
	{ "a program signals itself", signal_itself, 0, 0, true },
	{ "nobody is traced", trace, EPERM, EPERM, true },
	{ "no namespace is made", make_namespace, EPERM, EPERM, false },
	{ "nothing is opened for writing", write_file, EACCES, EPERM, true },
	{ "no file is made", make_file, EACCES, EPERM, true },
	{ "no folder is made", make_folder, EPERM, EPERM, true },
	{ "memory is a file", make_memory_file, 0, 0, true },
	{ "no file of others is read", read_file_of_others, EACCES, EPERM, true },
	{ "the configuration of names is read", read_hosts, 0, EPERM, true },
	{ "memory is not read by /proc", read_own_memory, EACCES, EPERM, true },
	{ "routes are read", make_netlink_of_routes, 0, EPERM, true },
	{ "no other part of netlink is reached", make_netlink_of_audit, EAFNOSUPPORT, EPERM,
	  false },
	{ "no other family is reached", make_packet_socket, EAFNOSUPPORT, EPERM, true },
	{ "connections are made", make_tcp, 0, EPERM, true },
	{ "nobody connects", listen_to_others, EPERM, EPERM, true },
	{ "nothing is typed into the terminal", type_into_terminal, EPERM, EPERM, true },
	{ "nor pasted", paste_into_console, EPERM, EPERM, true },
	{ "no BPF is used", load_bpf, EPERM, EPERM, true },
	{ "no keys are used", use_keys, EPERM, EPERM, false },
	{ "threads are made", make_thread, 0, 0, true },
	{ "names are looked up", look_up_name, 0, EAGAIN, true },
	{ "those that connect are accepted", accept_connection, EPERM, 0, true },
	{ "root does not come back", regain_root, EPERM, EPERM, false },
};

/* A terminal of its own, as that of an operator who runs sync by hand. */
static void take_terminal(void)
{
	int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	setsid();
	if (ours < 0 || grantpt(ours) || unlockpt(ours))
		_exit(NOT_TRIED);
	terminal = open(ptsname(ours), O_RDWR | O_CLOEXEC);
}

/* The exit code of a child that tries it. */
static int try(const struct attempt *attempt, const enum sandbox_use *use)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		take_terminal();
		if (use && sandbox_enter(*use, NULL))
			_exit(NOT_TRIED);
		_exit(attempt->make());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool kernel_has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

static void test_attempt(void **state)
{
	static const enum sandbox_use asks = SANDBOX_ASKS, answers = SANDBOX_ANSWERS;
	const struct attempt *attempt = *state;

	if (SANITIZED || geteuid() ||
	    (attempt->make == read_file_of_others && !kernel_has_landlock()))
		skip();
	assert_int_equal(try(attempt, &asks), attempt->wanted);
	assert_int_equal(try(attempt, &answers), attempt->answering);
	if (attempt->works_outside)
		assert_int_equal(try(attempt, NULL), 0);
}

int main(void)
{
	static struct suite suite;
	int fd, ret;

	snprintf(readable_file, sizeof(readable_file), "/tmp/xdp-ipfilter-test-of-%d", getpid());
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || listen(listener, 1))
		return 1;
	fd = open(readable_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	SUITE_TABLE(&suite, test_attempt, attempts);
	ret = suite_run(&suite, "sandbox");
	close(fd);
	unlink(readable_file);
	return ret;
}
