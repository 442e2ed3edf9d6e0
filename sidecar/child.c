#include "sidecar/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sidecar/child_exec.h"

struct child {
    struct loop *loop;
    const struct child_events *events;
    void *owner;
    pid_t pid;
    int terminal; /* handed to the child; -1: none */
    bool running;
    int exit_code;
    struct timer timer; /* a first look, then what is to be told */
};

/* ---- the terminal ---- */

/* The one we are in the foreground of, if any. */
static int terminal_of_ours(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (isatty(fd) && tcgetpgrp(fd) == getpgrp())
            return fd;
    return -1;
}

/* From the background this asks for SIGTTOU, which would stop us. */
static void terminal_give(int fd, pid_t group)
{
    sigset_t block, before;

    if (fd < 0)
        return;
    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    tcsetpgrp(fd, group);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Ctrl-Z stopped the child: the shell is to see us stop. Where nobody could continue us, the kernel does not stop
 * us either (an orphaned process group, PID 1), and the child goes on at once. */
static void stop_with(struct child *c)
{
    terminal_give(c->terminal, getpgrp());
    kill(0, SIGTSTP);
    if (tcgetpgrp(c->terminal) == getpgrp())
        terminal_give(c->terminal, c->pid);
    kill(-c->pid, SIGCONT);
}

static bool is_terminal_stop(int signal_number)
{
    return signal_number == SIGTSTP || signal_number == SIGTTIN ||
           signal_number == SIGTTOU;
}

/* ---- waiting ---- */

static void on_timer(struct timer *t)
{
    struct child *c = container_of(t, struct child, timer);

    if (c->running)
        child_reap(c);
    else
        c->events->exited(c->owner, c->exit_code);
}

static void ended(struct child *c, int status)
{
    c->running = false;
    c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    terminal_give(c->terminal, getpgrp());
    timer_start(&c->timer, &c->loop->clock, 0);
}

void child_reap(struct child *c)
{
    int status;

    while (c->running && waitpid(c->pid, &status, WNOHANG | WUNTRACED) == c->pid) {
        if (!WIFSTOPPED(status))
            ended(c, status);
        else if (c->terminal >= 0 && is_terminal_stop(WSTOPSIG(status)))
            stop_with(c);
    }
}

/* One that somebody else waits for hides those behind it until it has been waited for: the next SIGCHLD finds them. */
void child_reap_orphans(bool (*is_ours)(void *owner, int pid), void *owner)
{
    siginfo_t info = {0};

    if (getpid() != 1)
        return;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid &&
           !is_ours(owner, info.si_pid)) {
        waitpid(info.si_pid, NULL, WNOHANG);
        info = (siginfo_t){0};
    }
}

/* ---- life ---- */

static enum err explain(const struct child_setup *setup, const struct child_failure *f,
                        struct why *w)
{
    const char *name = setup->command[0];

    switch (f->step) {
    case CHILD_FORK:
        return why(w, ERR_IO, "could not start a process: %s", strerror(f->error));
    case CHILD_DIRECTORY:
        return why(w, ERR_IO, "run.directory: %s: %s", setup->directory,
                   strerror(f->error));
    case CHILD_EXEC:
        break;
    }
    if (f->error == ENOENT)
        return why(w, ERR_NOT_FOUND, "%s: command not found", name);
    return why(w, f->error == EACCES || f->error == ENOEXEC ? ERR_DENIED : ERR_IO,
               "%s: %s", name, strerror(f->error));
}

/* The signal of its end may have come before anybody listened: a first look is taken soon. */
enum err child_start(struct child **out, struct loop *l, const struct child_setup *setup,
                     const struct child_events *events, void *owner, struct why *w)
{
    struct child *c = calloc(1, sizeof(*c));
    struct child_failure failure = {0};

    if (!c)
        return why(w, ERR_NO_MEMORY, "out of memory");
    *c = (struct child){
        .loop = l, .events = events, .owner = owner, .terminal = terminal_of_ours()};
    c->pid = child_exec(setup, c->terminal, &failure);
    if (c->pid < 0) {
        terminal_give(c->terminal, getpgrp());
        free(c);
        return explain(setup, &failure, w);
    }
    c->running = true;
    timer_init(&c->timer, on_timer);
    timer_start(&c->timer, &l->clock, 0);
    *out = c;
    return ERR_OK;
}

bool child_is_running(const struct child *c)
{
    return c->running;
}

int child_pid(const struct child *c)
{
    return c->pid;
}

/* A stopped one takes no signal but SIGKILL before it goes on. */
void child_signal(struct child *c, int signal_number)
{
    if (!c->running)
        return;
    kill(-c->pid, signal_number);
    kill(-c->pid, SIGCONT);
}

void child_free(struct child *c)
{
    timer_stop(&c->timer, &c->loop->clock);
    free(c);
}
