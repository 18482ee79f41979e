// SPDX-License-Identifier: GPL-2.0
/*
 * Which system calls can a program in the sandbox make?
 *
 * All but those named here: a list of those that are allowed would break with the next version of a
 * library, and the user nobody without capabilities can do little with the others. A refused call
 * fails with an errno, as in a kernel that lacks it or for a user who may not.
 */
#include <sandbox/sandbox_calls.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <util/error.h>

/* The kernel tells a filter which of its tables of calls is meant. */
#if defined(__x86_64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifdef ARCHITECTURE

/* The first number of a call that is newer than this list (cachestat, Linux 6.5). From there on,
 * numbers are the same everywhere; libraries do without what a kernel lacks. The calls of x32 have
 * higher numbers, too. */
#define FIRST_UNKNOWN 451

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

/* What a user without capabilities can do, and code of the kernel that is attacked most. */
static const unsigned short refused[] = {
	/* Other programs and processes */
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_pidfd_open,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_kill,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	SYS_setns,
	SYS_unshare,
	/* Files */
	SYS_truncate,
	SYS_mkdirat,
	SYS_mknodat,
	SYS_unlinkat,
	SYS_renameat2,
	SYS_linkat,
	SYS_symlinkat,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_mount,
	SYS_open_tree,
	SYS_fsopen,
	/* The kernel */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_setup,
	SYS_add_key,
	SYS_request_key,
	SYS_keyctl,
	SYS_init_module,
	SYS_finit_module,
	SYS_kexec_load,
	SYS_personality,
#ifdef __x86_64__
	SYS_fork,
	SYS_vfork,
	SYS_creat,
	SYS_mkdir,
	SYS_rmdir,
	SYS_mknod,
	SYS_unlink,
	SYS_rename,
	SYS_renameat,
	SYS_link,
	SYS_symlink,
	SYS_chmod,
	SYS_modify_ldt,
#endif
};

/* Connections from others */
static const unsigned short of_answers[] = {
	SYS_listen,
	SYS_accept,
#ifdef SYS_accept4
	SYS_accept4,
#endif
};

/* Connections to others, and their names */
static const unsigned short of_questions[] = {
	SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_openat,
#ifdef SYS_open
	SYS_open,
#endif
};

struct program {
	struct sock_filter code[512];
	unsigned short count;
};

static void emit(struct program *program, unsigned int code, __u32 operand, unsigned int if_true,
		 unsigned int if_false)
{
	program->code[program->count++] = (struct sock_filter){
		.code = (__u16)code,
		.jt = (__u8)if_true,
		.jf = (__u8)if_false,
		.k = operand,
	};
}

static void load_number(struct program *program)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
}

/* Its lower half, which is all that counts of those that are asked for. */
static void load_argument(struct program *program, unsigned int index)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS,
	     (__u32)(offsetof(struct seccomp_data, args) + 8 * index), 0, 0);
}

static void give(struct program *program, __u32 verdict)
{
	emit(program, BPF_RET | BPF_K, verdict, 0, 0);
}

static void refuse(struct program *program, int error)
{
	give(program, SECCOMP_RET_ERRNO | (__u32)error);
}

static void refuse_call(struct program *program, long call, int error)
{
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (__u32)call, 0, 1);
	refuse(program, error);
}

/* A test of an argument (BPF_JEQ: is it the value? BPF_JSET: does it have one of these bits?), and
 * what it must say. */
struct condition {
	unsigned int argument;
	unsigned int test;
	__u32 value;
	bool wanted;
};

/* Refuses the call unless the condition holds. The number is loaded before and after. */
static void require(struct program *program, long call, struct condition condition, int error)
{
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (__u32)call, 0, 4);
	load_argument(program, condition.argument);
	emit(program, BPF_JMP | condition.test | BPF_K, condition.value, condition.wanted,
	     !condition.wanted);
	refuse(program, error);
	load_number(program);
}

/* Names are looked up by the internet's families, local sockets and routes. Other families, and
 * other parts of netlink, are code of the kernel that has had many faults. */
static void limit_sockets(struct program *program, long call)
{
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, (__u32)call, 0, 9);
	load_argument(program, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 6, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 5, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 4, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 2);
	load_argument(program, 2);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0 /* NETLINK_ROUTE */, 1, 0);
	refuse(program, EAFNOSUPPORT);
	load_number(program);
}

static void refuse_calls(struct program *program, const unsigned short *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		refuse_call(program, calls[i], EPERM);
}

#define REFUSE_ALL(program, calls) refuse_calls(program, calls, sizeof(calls) / sizeof((calls)[0]))

static void limit_arguments(struct program *program)
{
	const struct condition thread = { 0, BPF_JSET, CLONE_THREAD, true };
	const struct condition own_process = { 0, BPF_JEQ, (__u32)getpid(), true };
	const struct condition no_typing = { 1, BPF_JEQ, TIOCSTI, false };
	const struct condition no_pasting = { 1, BPF_JEQ, TIOCLINUX, false };

	require(program, SYS_clone, thread, EPERM);
	require(program, SYS_tgkill, own_process, EPERM);
	/* By the number of a thread: of the first one. With musl, abort() needs it. */
	require(program, SYS_tkill, own_process, EPERM);
	require(program, SYS_ioctl, no_typing, EPERM);
	require(program, SYS_ioctl, no_pasting, EPERM);
	require(program, SYS_openat, (struct condition){ 2, BPF_JSET, WRITES, false }, EACCES);
#ifdef SYS_open
	require(program, SYS_open, (struct condition){ 1, BPF_JSET, WRITES, false }, EACCES);
#endif
	limit_sockets(program, SYS_socket);
	/* Their arguments are in memory, which a filter cannot read. Libraries use the older
	 * calls then. */
	refuse_call(program, SYS_clone3, ENOSYS);
	refuse_call(program, SYS_openat2, ENOSYS);
}

static void write_program(struct program *program, enum sandbox_use use)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	give(program, SECCOMP_RET_KILL_PROCESS);
	load_number(program);
	emit(program, BPF_JMP | BPF_JGE | BPF_K, FIRST_UNKNOWN, 0, 1);
	refuse(program, ENOSYS);
	REFUSE_ALL(program, refused);
	if (use == SANDBOX_ASKS)
		REFUSE_ALL(program, of_answers);
	else
		REFUSE_ALL(program, of_questions);
	limit_arguments(program);
	give(program, SECCOMP_RET_ALLOW);
}

int sandbox_calls_limit(enum sandbox_use use, struct error *err)
{
	struct program program = { .count = 0 };
	struct sock_fprog loaded = { .filter = program.code };
	int ret;

	write_program(&program, use);
	loaded.len = program.count;
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded, 0, 0))
		return 0;
	ret = -errno;
	/* Built without it. */
	if (ret == -EINVAL || ret == -ENOSYS)
		return 0;
	return error_set(err, ret, "cannot give up system calls: %s", strerror(-ret));
}

#else

int sandbox_calls_limit(enum sandbox_use use, struct error *err)
{
	(void)use;
	(void)err;
	return 0;
}

#endif
