/* seccomp(2): the system calls of a proxy, and no others. One that is not here fails with ENOSYS, as on a kernel that
 * does not have it: libraries look for another way then, and a proxy that works is not ended for a call that a newer
 * one of them tries first. Never: a new process, another program (execve), ptrace, another user, mounts, modules,
 * namespaces, keys, BPF, memory that is both written and executed. */
#define _GNU_SOURCE /* CLONE_THREAD */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sidecar/sandbox_parts.h"

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef MACHINE

/* clang-format off */
static const unsigned short allowed[] = {
    /* bytes */
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_lseek,
    /* sockets */
    SYS_connect, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_shutdown, SYS_socketpair,
    SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt,
    /* descriptors and waiting */
    SYS_close, SYS_dup, SYS_dup3, SYS_fcntl, SYS_pipe2, SYS_eventfd2, SYS_ppoll, SYS_pselect6,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
    SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    /* files */
    SYS_openat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat, SYS_readlinkat,
    SYS_getdents64, SYS_getcwd, SYS_mkdirat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_utimensat,
    SYS_ftruncate, SYS_fchmod, SYS_fsync, SYS_fdatasync, SYS_flock, SYS_umask,
    /* memory */
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_mincore,
    /* threads and signals */
    SYS_futex, SYS_set_robust_list, SYS_exit, SYS_exit_group, SYS_sched_yield, SYS_sched_getaffinity,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_sigaltstack,
    SYS_restart_syscall, SYS_kill, SYS_tgkill, SYS_wait4, SYS_waitid, SYS_membarrier,
    /* who we are, and what there is */
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getpgid, SYS_getsid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
    SYS_getrlimit, SYS_prlimit64, SYS_getrusage, SYS_sysinfo, SYS_uname, SYS_getcpu, SYS_getrandom,
    /* time */
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
    /* not known to all headers, not had by all machines */
#ifdef SYS_rseq
    SYS_rseq,
#endif
#ifdef SYS_faccessat2
    SYS_faccessat2,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef __x86_64__
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_poll,
    SYS_select, SYS_epoll_wait, SYS_pipe, SYS_dup2, SYS_getpgrp, SYS_time, SYS_arch_prctl,
#endif
};

/* Allowed where (the argument & mask) is one of the values given for that call. */
static const struct rule {
    unsigned short call;
    unsigned char argument;
    uint32_t mask, value;
} rules[] = {
    {SYS_socket, 0, ~0U, AF_INET},
    {SYS_socket, 0, ~0U, AF_INET6},
    {SYS_socket, 0, ~0U, AF_UNIX},
    {SYS_socket, 0, ~0U, AF_NETLINK}, /* which network interfaces there are */
    {SYS_mmap, 2, PROT_WRITE | PROT_EXEC, 0},
    {SYS_mmap, 2, PROT_WRITE | PROT_EXEC, PROT_WRITE},
    {SYS_mmap, 2, PROT_WRITE | PROT_EXEC, PROT_EXEC}, /* a library that is loaded late */
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_clone, 0, CLONE_THREAD, CLONE_THREAD},
    {SYS_prctl, 0, ~0U, PR_SET_NAME},
    {SYS_prctl, 0, ~0U, PR_GET_NAME},
    {SYS_prctl, 0, ~0U, PR_GET_DUMPABLE},
    {SYS_ioctl, 1, ~0U, FIONBIO},
    {SYS_ioctl, 1, ~0U, FIONREAD},
    {SYS_ioctl, 1, ~0U, FIOCLEX},
    {SYS_ioctl, 1, ~0U, TCGETS}, /* is it a terminal? */
    {SYS_ioctl, 1, ~0U, TIOCGWINSZ},
    {SYS_ioctl, 1, ~0U, TIOCGPGRP}, /* it is handed to the app, and taken back */
    {SYS_ioctl, 1, ~0U, TIOCSPGRP},
    {SYS_ioctl, 1, ~0U, SIOCGIFNAME},
    {SYS_ioctl, 1, ~0U, SIOCGIFINDEX},
};
/* clang-format on */

enum {
    ALLOWED = sizeof(allowed) / sizeof(allowed[0]),
    RULES = sizeof(rules) / sizeof(rules[0]),
    X32_CALLS = 0x40000000, /* the same numbers mean other calls from here on */
};

#define FIELD(name) (unsigned)offsetof(struct seccomp_data, name)

struct program {
    struct sock_filter *at, *end;
    bool is_full;
};

static void add(struct program *p, struct sock_filter instruction)
{
    if (p->at < p->end)
        *p->at++ = instruction;
    else
        p->is_full = true;
}

static void load(struct program *p, unsigned from)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, from));
}

static void answer(struct program *p, unsigned action)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Goes on behind the next `skip` instructions unless the accumulator is `value`. */
static void unless(struct program *p, unsigned value, unsigned char skip)
{
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

static void add_machine(struct program *p)
{
    load(p, FIELD(arch));
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0));
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, FIELD(nr));
#ifdef __x86_64__
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1));
    answer(p, SECCOMP_RET_KILL_PROCESS);
#endif
}

/* The lower half of the argument: what is asked about are 32-bit values, and the machine's byte order is little. */
static void add_rule(struct program *p, const struct rule *r)
{
    unless(p, r->call, 5);
    load(p, FIELD(args) + 8U * r->argument);
    add(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
    unless(p, r->value, 1);
    answer(p, SECCOMP_RET_ALLOW);
    load(p, FIELD(nr));
}

unsigned sandbox_calls_program(struct sock_filter *program, unsigned size)
{
    struct program p = {program, program + size, false};

    add_machine(&p);
    for (unsigned i = 0; i < ALLOWED; i++) {
        unless(&p, allowed[i], 1);
        answer(&p, SECCOMP_RET_ALLOW);
    }
    for (unsigned i = 0; i < RULES; i++)
        add_rule(&p, &rules[i]);
    answer(&p, SECCOMP_RET_ERRNO | ENOSYS);
    return p.is_full ? 0 : (unsigned)(p.at - program);
}

/* SPEC_ALLOW: kernels before 5.16 slow down what is filtered, against code that is not trusted; ours is. */
static long install(struct sock_fprog *program)
{
    long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                          SECCOMP_FILTER_FLAG_SPEC_ALLOW, program);

    return failed ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) : 0;
}

enum err sandbox_filter_calls(struct sandbox *s, char *state, struct why *w)
{
    struct sock_filter instructions[BPF_MAXINSNS / 4];
    struct sock_fprog program = {.filter = instructions};

    (void)s;
    program.len = (unsigned short)sandbox_calls_program(
        instructions, sizeof(instructions) / sizeof(instructions[0]));
    if (!program.len)
        return why(w, ERR_UNSUPPORTED, "the list of system calls is too long");
    if (install(&program))
        return why(w, ERR_UNSUPPORTED, "%s", strerror(errno));
    snprintf(state, SANDBOX_STATE, "%u-calls", (unsigned)ALLOWED);
    return ERR_OK;
}

#else

unsigned sandbox_calls_program(struct sock_filter *program, unsigned size)
{
    (void)program;
    (void)size;
    return 0;
}

enum err sandbox_filter_calls(struct sandbox *s, char *state, struct why *w)
{
    (void)s;
    (void)state;
    return why(w, ERR_UNSUPPORTED, "there is no list of system calls for this machine");
}

#endif
