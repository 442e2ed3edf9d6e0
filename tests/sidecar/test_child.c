#include "sidecar/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/transport/loops.h"

static struct loop loop;
static struct child *child;
static uv_signal_t chld;
static bool has_exited;
static int code;
static char file[64];
static struct why w;

static void on_exited(void *owner, int exit_code)
{
    assert_ptr_equal(owner, &loop);
    has_exited = true;
    code = exit_code;
}

static const struct child_events events = {.exited = on_exited};

static void on_chld(uv_signal_t *handle, int number)
{
    (void)handle;
    (void)number;
    loop_touch(&loop);
    if (child)
        child_reap(child);
}

static int test_setup(void **state)
{
    (void)state;
    loop_open(&loop, 0);
    uv_signal_init(&loop.uv, &chld);
    uv_signal_start(&chld, on_chld, SIGCHLD);
    child = NULL;
    has_exited = false;
    why_init(&w);
    snprintf(file, sizeof(file), "/tmp/test_child.XXXXXX");
    close(mkstemp(file));
    return 0;
}

static int test_teardown(void **state)
{
    (void)state;
    if (child) {
        child_signal(child, SIGKILL);
        child_free(child);
    }
    uv_close((uv_handle_t *)&chld, NULL);
    unlink(file);
    assert_int_equal(loop_close(&loop), ERR_OK);
    return 0;
}

static enum err start(struct child_setup *setup, const char *const *words)
{
    setup->command = (char *const *)(uintptr_t)words;
    return child_start(&child, &loop, setup, &events, &loop, &w);
}

/* A shell script, which finds the file's name in $0. */
static void runs_with(struct child_setup *setup, const char *script)
{
    const char *words[] = {"sh", "-c", script, file, NULL};

    if (start(setup, words))
        fail_msg("%s", w.text);
    assert_true(child_is_running(child));
}

static void runs(const char *script)
{
    struct child_setup setup = {0};

    runs_with(&setup, script);
}

static int exit_code(void)
{
    loop_until(&loop, &has_exited);
    assert_false(child_is_running(child));
    return code;
}

static const char *written(void)
{
    static char text[4096];
    int fd = open(file, O_RDONLY);
    ssize_t size = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static bool is_written(void *unused)
{
    (void)unused;
    return strchr(written(), '\n') != NULL;
}

TEST(its_exit_code_is_told_later)
{
    runs("exit 7");
    assert_false(has_exited);
    assert_int_equal(exit_code(), 7);
}

TEST(a_signal_is_128_and_its_number)
{
    runs("kill -TERM $$");
    assert_int_equal(exit_code(), 128 + SIGTERM);
}

TEST(a_command_that_is_not_there_is_not_found)
{
    static const char *const words[] = {"no-such-command", NULL};
    struct child_setup setup = {0};

    assert_int_equal(start(&setup, words), ERR_NOT_FOUND);
    assert_string_equal(w.text, "no-such-command: command not found");
    assert_null(child);
}

TEST(a_file_that_may_not_run_is_denied)
{
    const char *words[] = {file, NULL};
    struct child_setup setup = {0};

    assert_int_equal(start(&setup, words), ERR_DENIED);
    assert_null(child);
}

TEST(a_directory_that_is_not_there_is_our_failure)
{
    static const char *const words[] = {"true", NULL};
    struct child_setup setup = {.directory = "/no/such/directory"};

    assert_int_equal(start(&setup, words), ERR_IO);
    assert_string_equal(w.text,
                        "run.directory: /no/such/directory: No such file or directory");
}

TEST(it_runs_in_its_directory)
{
    struct child_setup setup = {.directory = "/usr"};

    runs_with(&setup, "pwd > $0");
    assert_int_equal(exit_code(), 0);
    assert_string_equal(written(), "/usr\n");
}

TEST(it_learns_where_we_are_and_what_port_it_has)
{
    struct child_setup setup = {
        .url = "http://127.0.0.1:1", .admin_url = "http://127.0.0.1:2", .port = 3};

    setenv("PORT", "80", 1);
    runs_with(&setup, "env | grep -E '^(PORT|CSIDECAR_.*)=' | sort > $0");
    assert_int_equal(exit_code(), 0);
    assert_string_equal(written(), "CSIDECAR_ADMIN_URL=http://127.0.0.1:2\n"
                                   "CSIDECAR_URL=http://127.0.0.1:1\nPORT=3\n");
}

TEST(a_port_of_its_own_stays)
{
    setenv("PORT", "80", 1);
    runs("echo $PORT > $0");
    assert_int_equal(exit_code(), 0);
    assert_string_equal(written(), "80\n");
}

TEST(it_gets_none_of_our_descriptors)
{
    int fds[2] = {open("/dev/null", O_RDONLY), 0};

    fds[1] = fcntl(fds[0], F_DUPFD, 200);
    assert_true(fds[1] >= 200);
    runs("for fd in /proc/self/fd/*; do n=${fd##*/}; [ -e $fd ] && [ $n -gt 2 ] && [ $n "
         "!= "
         "10 ] && echo $n; done > $0; true");
    assert_int_equal(exit_code(), 0);
    assert_string_equal(written(), "");
    close(fds[0]);
    close(fds[1]);
}

/* But for signal 32, glibc's own, which its posix_spawn() (of make, say) ignores and nobody can set back. */
TEST(its_signals_are_as_in_a_fresh_process)
{
    const unsigned long long libc_own = 3ULL << 31; /* 32 and 33: nobody can set these */
    unsigned long long blocked, ignored;
    sigset_t usr1;

    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    runs("grep -E '^Sig(Blk|Ign)' /proc/self/status | sed s/80000000/00000000/ > $0");
    assert_int_equal(exit_code(), 0);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    signal(SIGUSR2, SIG_DFL);
    assert_int_equal(sscanf(written(), "SigBlk: %llx SigIgn: %llx", &blocked, &ignored),
                     2);
    assert_int_equal(blocked, 0);
    assert_int_equal(ignored & ~libc_own, 0);
}

TEST(it_leads_a_group_of_its_own)
{
    runs("read line; true");
    assert_int_equal(getpgid(child_pid(child)), child_pid(child));
    assert_int_not_equal(getpgrp(), child_pid(child));
    child_signal(child, SIGKILL);
    exit_code();
}

TEST(a_signal_goes_to_all_it_started)
{
    runs("(trap 'echo heard >> $0; exit' TERM; echo up >> $0; while :; do sleep 0.01; "
         "done) & wait");
    loop_until_true(&loop, is_written, NULL);
    child_signal(child, SIGTERM);
    assert_int_equal(exit_code(), 128 + SIGTERM);
    for (int i = 0; i < 500 && !strstr(written(), "heard"); i++)
        usleep(10 * 1000);
    assert_non_null(strstr(written(), "heard"));
}

TEST(a_stopped_one_is_not_taken_for_a_dead_one_and_hears_signals)
{
    runs("trap 'exit 5' TERM; echo up > $0; while :; do sleep 0.01; done");
    loop_until_true(&loop, is_written, NULL);
    kill(child_pid(child), SIGSTOP);
    loop_settle(&loop);
    child_reap(child);
    assert_true(child_is_running(child));
    child_signal(child, SIGTERM);
    assert_int_equal(exit_code(), 5);
}

TEST(a_signal_to_one_that_is_gone_goes_nowhere)
{
    runs("exit 0");
    exit_code();
    child_signal(child, SIGKILL);
    child_reap(child);
    assert_int_equal(code, 0);
}

static bool nobody(void *owner, int pid)
{
    (void)owner;
    (void)pid;
    return false;
}

TEST(orphans_are_none_of_our_business_unless_we_are_pid_1)
{
    runs("exit 4");
    usleep(50 * 1000);
    child_reap_orphans(nobody, NULL);
    assert_int_equal(exit_code(), 4);
}

TESTS(RUN_WITH(its_exit_code_is_told_later), RUN_WITH(a_signal_is_128_and_its_number),
      RUN_WITH(a_command_that_is_not_there_is_not_found),
      RUN_WITH(a_file_that_may_not_run_is_denied),
      RUN_WITH(a_directory_that_is_not_there_is_our_failure),
      RUN_WITH(it_runs_in_its_directory),
      RUN_WITH(it_learns_where_we_are_and_what_port_it_has),
      RUN_WITH(a_port_of_its_own_stays), RUN_WITH(it_gets_none_of_our_descriptors),
      RUN_WITH(its_signals_are_as_in_a_fresh_process),
      RUN_WITH(it_leads_a_group_of_its_own), RUN_WITH(a_signal_goes_to_all_it_started),
      RUN_WITH(a_stopped_one_is_not_taken_for_a_dead_one_and_hears_signals),
      RUN_WITH(a_signal_to_one_that_is_gone_goes_nowhere),
      RUN_WITH(orphans_are_none_of_our_business_unless_we_are_pid_1))
