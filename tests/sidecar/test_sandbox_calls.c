/* The filter on the real kernel: each question is asked by a process of its own, since there is no way back. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sidecar/sandbox_parts.h"
#include "tests/lib/test.h"
#include "transport/openssl.h"

/* The exit status of what asks, once it is filtered; 128 + signal. */
static int filtered(int (*ask)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        char state[SANDBOX_STATE];
        struct sandbox s = {.mode = SANDBOX_STRICT};

        if (sandbox_no_new_privs(&s, state, NULL) ||
            sandbox_filter_calls(&s, state, NULL))
            _exit(100);
        _exit(ask());
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static int run_a_program(void)
{
    char *const words[] = {(char *)"/bin/true", NULL};

    return error_of(execv(words[0], words));
}

static int make_a_process(void)
{
    return error_of(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int look_into_another(void)
{
    return error_of(ptrace(PTRACE_ATTACH, getppid(), 0, 0));
}

static int become_another_user(void)
{
    return error_of(syscall(SYS_setuid, 1));
}

static int leave_for_a_namespace(void)
{
    return error_of(syscall(SYS_unshare, 0x10000000));
}

static int open_a_raw_socket(void)
{
    return error_of(socket(AF_PACKET, SOCK_RAW, 0));
}

static int take_what_is_written_and_executed(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return error_of(at == MAP_FAILED ? -1 : 0);
}

static int execute_what_was_written(void)
{
    void *at =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? 101 : error_of(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

TEST(what_a_proxy_never_does_fails_as_if_there_were_no_such_call)
{
    static int (*const asked[])(void) = {
        run_a_program,
        make_a_process,
        look_into_another,
        become_another_user,
        leave_for_a_namespace,
        open_a_raw_socket,
        take_what_is_written_and_executed,
        execute_what_was_written,
    };

    for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
        if (filtered(asked[i]) != ENOSYS)
            fail_msg("question %u", i);
}

static void *nothing(void *argument)
{
    return argument;
}

static int start_a_thread(void)
{
    pthread_t thread;
    void *result = NULL;

    if (pthread_create(&thread, NULL, nothing, &result) || pthread_join(thread, &result))
        return 1;
    return result ? 0 : 2;
}

static int open_sockets(void)
{
    static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};

    for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (socket(families[i], SOCK_DGRAM, 0) < 0 && errno != EAFNOSUPPORT)
            return errno;
    return 0;
}

static int load_openssl(void)
{
    return openssl_load(NULL);
}

TEST(what_it_does_goes_on)
{
    assert_int_equal(filtered(start_a_thread), 0);
    assert_int_equal(filtered(open_sockets), 0);
    assert_int_equal(filtered(load_openssl), 0);
}

#ifdef __x86_64__
static int speak_x32(void)
{
    return error_of(syscall(0x40000000 | SYS_getpid));
}

TEST(numbers_that_mean_other_calls_end_it)
{
    assert_int_equal(filtered(speak_x32), 128 + SIGSYS);
}
#endif

TEST(the_program_is_written_whole_or_not_at_all)
{
    struct sock_filter program[BPF_MAXINSNS];
    unsigned size = sandbox_calls_program(program, BPF_MAXINSNS);

    assert_true(size > 200 && size < BPF_MAXINSNS / 4);
    assert_int_equal(sandbox_calls_program(program, size), size);
    assert_int_equal(sandbox_calls_program(program, size - 1), 0);
}

TESTS(RUN(what_a_proxy_never_does_fails_as_if_there_were_no_such_call),
      RUN(what_it_does_goes_on),
#ifdef __x86_64__
      RUN(numbers_that_mean_other_calls_end_it),
#endif
      RUN(the_program_is_written_whole_or_not_at_all))
