/* Each allocation of the whole program fails in turn, from its first to its last: of the start, of a request, of the end.
 * Every one is a process of its own (a fork). It says what is wrong and ends with 125, or it serves: then the next request is
 * answered, and SIGTERM ends it with 0. (Not those inside libraries: jansson's parser asserts then.) No crash, no leak (make MODE=asan unit), no wait.
 *
 *     START_STEP=7 START_FIRST=3 build/asan/tests/sidecar/test_start_memory     // each seventh, from the third on
 *     START_FIRST=17 START_COUNT=1 ...                                          // that one alone
 */
#define _GNU_SOURCE /* accept4, memmem */
#include "tests/lib/test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "sidecar/cli.h"
#include "tests/lib/fault_heap.h"
#include "transport/listener.h"

enum { PATIENCE_MS = 15000, MOST = 20000, LANES = 6, REFUSED_START = CLI_FAILED };

/* What a child tells: shared with it. */
struct told {
    bool refused; /* an allocation was */
    unsigned count;
};

static char folder[] = "/tmp/csidecar-memory-XXXXXX";
static struct told *told;

/* ---- the child ---- */

static void tell(void)
{
    told->count = fault_heap_count();
    told->refused = fault_heap_stop();
}

static void become_csidecar(unsigned n, int log, char *config)
{
    char *argv[] = {(char *)(uintptr_t) "csidecar", (char *)(uintptr_t) "run",
                    (char *)(uintptr_t) "-c", config, NULL};
    char *environment[] = {NULL};
    static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE};

    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        signal(crashes[i], SIG_DFL); /* cmocka would go on from there */
    atexit(tell);
    fault_heap_fail_at(n);
    exit(cli_main(4, argv, environment));
}

/* ---- its world: an app, a configuration, a client ---- */

struct life {
    unsigned n;
    pid_t pid;
    int app, log;
    struct address address; /* of its local endpoint */
    char config[64];
};

static void open_app(struct life *l, struct address *at)
{
    char path[80];
    struct why w;

    why_init(&w);
    snprintf(path, sizeof(path), "unix:%s/%u.app", folder, l->n);
    assert_int_equal(address_parse(at, slice_of(path), 0, &w), ERR_OK);
    assert_int_equal(listener_bind(at, false, &l->app, &w), ERR_OK);
    assert_int_equal(listen(l->app, 16), 0);
}

static void configure(struct life *l)
{
    char path[80], app[ADDRESS_TEXT];
    struct address at;
    FILE *out;

    open_app(l, &at);
    snprintf(path, sizeof(path), "unix:%s/%u.sock", folder, l->n);
    assert_int_equal(address_parse(&l->address, slice_of(path), 0, NULL), ERR_OK);
    snprintf(l->config, sizeof(l->config), "%s/%u.yaml", folder, l->n);
    out = fopen(l->config, "w");
    assert_non_null(out);
    fprintf(out,
            "name: users\n"
            "app: { host: \"%s\", health: { tcp: true } }\n"
            "registry: { url: \"local:\" }\n"
            "proxy: { listen: [\"%s\"] }\n"
            "admin: { listen: \"unix:%s/%u.admin\" }\n"
            "defaults: { timeout: 500ms }\n"
            "services: { orders: { instances: [\"%s\"] } }\n"
            "drain: { settle: 0s, finish: 1s }\n"
            "state: { dir: \"%s/%u.state\" }\n",
            address_format(&at, app), path, folder, l->n, app, folder, l->n);
    fclose(out);
}

static void live(struct life *l, unsigned n)
{
    *l = (struct life){.n = n, .log = memfd_create("log", MFD_CLOEXEC)};
    configure(l);
    l->pid = fork();
    assert_true(l->pid >= 0);
    if (l->pid == 0)
        become_csidecar(n, l->log, l->config);
}

static const char *log_of(const struct life *l)
{
    static char text[32 * 1024];
    ssize_t size = pread(l->log, text, sizeof(text) - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    return text;
}

static void fail_life(const struct life *l, const char *what)
{
    kill(l->pid, SIGKILL);
    waitpid(l->pid, NULL, 0);
    fail_msg("allocation %u: %s; it said:\n%s", l->n, what, log_of(l));
}

/* The app answers whoever calls; a check only connects. */
static void serve(const struct life *l)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    struct pollfd p = {.fd = l->app, .events = POLLIN};
    char bytes[4096];
    int fd;

    if (poll(&p, 1, 2) != 1)
        return;
    fd = accept4(l->app, NULL, NULL, SOCK_CLOEXEC);
    p = (struct pollfd){.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 500) == 1 && recv(fd, bytes, sizeof(bytes), 0) > 0)
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
    close(fd);
}

static int connect_to(const struct life *l)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, &l->address.any, address_size(&l->address)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The status, 0 when it was closed without one, -1: nothing came. */
static int ask(const struct life *l)
{
    static const char request[] =
        "GET /orders/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    uint64_t end = uv_hrtime() / 1000000 + 5000;
    char answer[4096];
    int fd = connect_to(l);
    ssize_t got = -1;

    if (fd < 0)
        return 0;
    (void)!send(fd, request, strlen(request), MSG_NOSIGNAL);
    while (got < 0 && uv_hrtime() / 1000000 < end) {
        serve(l);
        got = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN)
            got = 0;
    }
    close(fd);
    answer[got > 0 ? got : 0] = '\0';
    return got < 0 ? -1 : got > 12 ? atoi(answer + 9) : 0;
}

/* ---- what must hold ---- */

static bool has_ended(const struct life *l, int *status)
{
    return waitpid(l->pid, status, WNOHANG) == l->pid;
}

static void end_is_good(const struct life *l, int status, int code)
{
    if (WIFSIGNALED(status))
        fail_msg("allocation %u: killed by signal %d; it said:\n%s", l->n,
                 WTERMSIG(status), log_of(l));
    if (WEXITSTATUS(status) != code)
        fail_msg("allocation %u: exit code %d instead of %d; it said:\n%s", l->n,
                 WEXITSTATUS(status), code, log_of(l));
}

/* Ended by itself, and said why? */
static bool gave_up(const struct life *l)
{
    int status;

    if (!has_ended(l, &status))
        return false;
    end_is_good(l, status, REFUSED_START);
    if (!strstr(log_of(l), "memory"))
        fail_msg("allocation %u: it does not say why it ended, but:\n%s", l->n,
                 log_of(l));
    return true;
}

/* Until a request was answered well; false: it gave up. What else there is to answer must be answered at once. */
static bool serves(const struct life *l)
{
    uint64_t end = uv_hrtime() / 1000000 + PATIENCE_MS;
    int status = 0;

    while (status != 200) {
        if (gave_up(l))
            return false;
        if (uv_hrtime() / 1000000 > end)
            fail_life(l, "it neither serves nor ends");
        serve(l);
        status = ask(l);
        if (status < 0)
            fail_life(l, "a request was not answered");
    }
    return true;
}

static void ends(const struct life *l)
{
    uint64_t end = uv_hrtime() / 1000000 + PATIENCE_MS;
    int status;

    kill(l->pid, SIGTERM);
    while (!has_ended(l, &status)) {
        serve(l);
        if (uv_hrtime() / 1000000 > end)
            fail_life(l, "it does not end");
    }
    end_is_good(l, status, 0);
}

static bool allocation_fails(unsigned n)
{
    struct life l;

    *told = (struct told){false, 0};
    live(&l, n);
    if (serves(&l)) {
        if (ask(&l) != 200 && ask(&l) != 200)
            fail_life(&l, "the next request was not answered");
        ends(&l);
    }
    close(l.app);
    close(l.log);
    return told->refused;
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)atoi(text) : otherwise;
}

static void play_lane(unsigned first, unsigned step, unsigned count)
{
    unsigned n = first;

    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
    assert_true(told != MAP_FAILED);
    while (count-- > 0 && allocation_fails(n))
        n += step;
    if (n == first)
        fail_msg("allocation %u was not refused", n);
    munmap(told, sizeof(*told));
}

static pid_t fork_lane(unsigned first, unsigned step, unsigned count)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    play_lane(first, step, count); /* a failure goes on to the end of main() */
    _exit(0);
}

/* Mostly they wait for a second try: a few at a time. */
TEST(each_allocation_of_the_program)
{
    unsigned step = setting("START_STEP", 1), first = setting("START_FIRST", 1);
    unsigned count = setting("START_COUNT", MOST), lanes = count < LANES ? count : LANES;
    pid_t pids[LANES];
    int status, failed = 0;

    fflush(stdout);
    for (unsigned i = 0; i < lanes; i++)
        pids[i] = fork_lane(first + i * step, step * lanes, (count + i) / lanes);
    for (unsigned i = 0; i < lanes; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        failed += !WIFEXITED(status) || WEXITSTATUS(status);
    }
    assert_int_equal(failed, 0);
}

static int test_setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int test_teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

TESTS(RUN_WITH(each_allocation_of_the_program))
