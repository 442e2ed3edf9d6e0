/* Between fork and exec only calls that are safe in a signal handler are allowed: other threads run, and a lock of
 * theirs would never be opened (signal-safety(7)). All memory is taken before. */
#define _GNU_SOURCE /* pipe2, dup3, execvpe */
#include "sidecar/child_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ADDED = 3, FAILED_FD = 3, DESCRIPTORS = 65536 };

/* ---- its environment ---- */

struct environment {
    char **items; /* NULL-terminated */
    unsigned count;
    char added[ADDED][ADDRESS_TEXT + 64];
    unsigned added_count;
};

__attribute__((format(printf, 2, 3))) static void add(struct environment *e,
                                                      const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(e->added[e->added_count], sizeof(e->added[0]), format, arguments);
    va_end(arguments);
    e->added_count++;
}

static bool is_replaced(const struct environment *e, const char *entry)
{
    size_t size = slice_find(slice_of(entry), '=') + 1;

    for (unsigned i = 0; i < e->added_count; i++)
        if (strncmp(entry, e->added[i], size) == 0)
            return true;
    return false;
}

static enum err environment_init(struct environment *e, const struct child_setup *setup)
{
    unsigned count = 0;

    *e = (struct environment){0};
    while (environ[count])
        count++;
    e->items = calloc(count + ADDED + 1, sizeof(*e->items));
    if (!e->items)
        return ERR_NO_MEMORY;
    if (setup->port)
        add(e, "PORT=%u", setup->port);
    if (setup->url && *setup->url)
        add(e, "CSIDECAR_URL=%s", setup->url);
    if (setup->admin_url && *setup->admin_url)
        add(e, "CSIDECAR_ADMIN_URL=%s", setup->admin_url);
    for (unsigned i = 0; i < count; i++)
        if (!is_replaced(e, environ[i]))
            e->items[e->count++] = environ[i];
    for (unsigned i = 0; i < e->added_count; i++)
        e->items[e->count++] = e->added[i];
    return ERR_OK;
}

/* ---- in the new process ---- */

static void signals_to_default(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* close_range(2) is there from kernel 5.9 on. */
static void close_from(int first)
{
    if (syscall(SYS_close_range, first, ~0U, 0) == 0)
        return;
    for (int fd = first; fd < DESCRIPTORS; fd++)
        close(fd);
}

__attribute__((noreturn)) static void fail(enum child_step step)
{
    struct child_failure f = {.step = step, .error = errno};
    ssize_t written = write(FAILED_FD, &f, sizeof(f));

    (void)written;
    _exit(127);
}

/* The terminal first: all signals are still blocked, SIGTTOU among them. */
__attribute__((noreturn)) static void
become(const struct child_setup *setup, char **environment, int terminal, int failed_fd)
{
    setpgid(0, 0);
    if (terminal >= 0)
        tcsetpgrp(terminal, getpid());
    if (failed_fd != FAILED_FD)
        dup3(failed_fd, FAILED_FD, O_CLOEXEC);
    close_from(FAILED_FD + 1);
    if (setup->directory && chdir(setup->directory))
        fail(CHILD_DIRECTORY);
    signals_to_default();
    execvpe(setup->command[0], setup->command, environment);
    fail(CHILD_EXEC);
}

/* ---- in ours ---- */

static ssize_t read_all(int fd, void *to, size_t size)
{
    ssize_t got;

    do
        got = read(fd, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The pipe closes with exec; what comes before is the reason why there was none. */
static pid_t wait_for_exec(pid_t pid, int fd, struct child_failure *failure)
{
    if (read_all(fd, failure, sizeof(*failure)) != (ssize_t)sizeof(*failure))
        return pid;
    waitpid(pid, NULL, 0);
    return -1;
}

static pid_t start(const struct child_setup *setup, char **environment, int terminal,
                   struct child_failure *failure)
{
    sigset_t all, before;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC)) {
        failure->error = errno;
        return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become(setup, environment, terminal, ends[1]);
    failure->error = errno;
    if (pid > 0)
        setpgid(pid, pid);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (pid > 0)
        pid = wait_for_exec(pid, ends[0], failure);
    close(ends[0]);
    return pid;
}

pid_t child_exec(const struct child_setup *setup, int terminal,
                 struct child_failure *failure)
{
    struct environment e;
    pid_t pid;

    *failure = (struct child_failure){.step = CHILD_FORK, .error = ENOMEM};
    if (environment_init(&e, setup))
        return -1;
    pid = start(setup, e.items, terminal, failure);
    free(e.items);
    return pid;
}
