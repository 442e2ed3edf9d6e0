/* Signals, the child, the drain, and the orderly end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/control_parts.h"
#include "sidecar/core/log.h"

enum { SAME_SIGNAL_MS = 200 };

/* ---- the end: apps, admin, catalog, then what keeps the loop alive ---- */

/* What comes from here on would end us before everything is put away, and change the exit code. libuv puts the
 * default action back when a handle closes: until it is replaced the signals wait. */
static void close_signals(struct control *c)
{
    sigset_t ours, before;

    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ours, &before);
    for (unsigned i = 0; i < c->signal_count; i++)
        uv_close((uv_handle_t *)&c->signals[i], NULL);
    c->signal_count = 0;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    control_unwatch_config(c);
    control_memory_close(c);
    loop_stop(&c->loop);
}

void control_catalog_closed(struct catalog *catalog)
{
    close_signals(catalog_owner(catalog));
}

static void on_admin_closed(void *owner)
{
    struct control *c = owner;

    if (c->catalog)
        catalog_close(c->catalog);
    else
        close_signals(c);
}

void control_apps_closed(void *owner)
{
    struct control *c = owner;

    if (c->admin)
        admin_close(c->admin, on_admin_closed, c);
    else
        on_admin_closed(c);
}

static void on_done(void *owner)
{
    struct control *c = owner;

    c->ending = true;
    if (c->apps)
        apps_close(c->apps);
    else
        control_apps_closed(c);
}

/* ---- drain ---- */

static void on_deregister(void *owner, uint64_t within_ms)
{
    struct control *c = owner;

    log_info("drain.started", "settle=%llums finish=%llums",
             (unsigned long long)c->drain.settle_ms,
             (unsigned long long)c->drain.finish_ms);
    if (c->admin)
        admin_drain(c->admin, within_ms);
    if (c->apps)
        apps_deregister(c->apps, within_ms);
    else
        drain_deregistered(&c->drain);
}

static bool has_child(void *owner)
{
    struct control *c = owner;

    return c->child && child_is_running(c->child);
}

static void stop_child(void *owner, bool kill_it)
{
    struct control *c = owner;

    child_signal(c->child, kill_it ? SIGKILL : c->settings->run.signal_number);
}

static void on_finish(void *owner)
{
    struct control *c = owner;

    for (unsigned i = 0; i < c->worker_count; i++) {
        worker_unlisten(&c->workers[i], GATEWAY_INGRESS);
        worker_drain(&c->workers[i], true);
    }
}

static unsigned busy(void *owner)
{
    struct control *c = owner;
    unsigned sum = 0;

    for (unsigned i = 0; i < c->worker_count; i++)
        sum += worker_busy_inbound(&c->workers[i]) + worker_busy_outbound(&c->workers[i]);
    return sum;
}

static const struct drain_ops drain_ops = {
    .deregister = on_deregister,
    .has_child = has_child,
    .stop_child = stop_child,
    .finish = on_finish,
    .busy = busy,
    .done = on_done,
};

void control_init_drain(struct control *c)
{
    drain_init(&c->drain, &c->loop.clock, &drain_ops, c);
}

void control_drain(struct control *c)
{
    drain_start(&c->drain, c->settings->drain.settle, c->settings->drain.finish);
}

/* Said once: in the log, or plainly where there is none. */
void control_give_up(struct control *c, const char *reason, int exit_code)
{
    char text[1024];

    if (c->failed)
        return;
    if (log_enabled(LOG_ERROR))
        log_error("start.failed", "reason=\"%s\"",
                  log_quote(text, sizeof(text), slice_of(reason)));
    else
        fprintf(stderr, "csidecar: %s\n", reason);
    drain_now(&c->drain);
    c->exit_code = exit_code;
    c->failed = true;
}

/* ---- the child ---- */

static void on_child_exited(void *owner, int exit_code)
{
    struct control *c = owner;
    bool asked = drain_is_on(&c->drain);

    if (!c->failed)
        c->exit_code = asked ? 0 : exit_code;
    log_info("child.exited", "code=%d", exit_code);
    if (c->apps)
        apps_gone(c->apps, "the app has exited");
    control_drain(c);
    drain_child_gone(&c->drain);
}

static const struct child_events child_events = {
    .exited = on_child_exited,
};

/* libuv waits for those of checks; the child may have ended since we looked at it, and its status is wanted. */
static bool is_ours(void *owner, int pid)
{
    struct control *c = owner;

    return (c->child && child_pid(c->child) == pid) ||
           (c->apps && apps_own_process(c->apps, pid));
}

enum err control_start_child(struct control *c, struct why *w)
{
    char url[ADDRESS_TEXT + 8], admin_url[ADDRESS_TEXT + 8];
    struct child_setup setup = {
        .command = c->input->command,
        .directory = c->settings->run.directory,
        .port = c->app_port,
    };
    enum err e;

    if (!setup.command)
        return ERR_OK;
    setup.url = ports_url(&c->ports, PORT_LOCAL, url);
    setup.admin_url = ports_url(&c->ports, PORT_ADMIN, admin_url);
    e = child_start(&c->child, &c->loop, &setup, &child_events, c, w);
    if (e)
        c->exit_code = e == ERR_NOT_FOUND ? 127 : e == ERR_DENIED ? 126 : 125;
    return e;
}

/* ---- signals ---- */

/* timeout(1), and whoever signals a group and its leader, say the same thing twice in a row. */
static void on_stop(struct control *c)
{
    if (!drain_is_on(&c->drain)) {
        c->stop_asked_ms = loop_now(&c->loop);
        control_drain(c);
        return;
    }
    if (loop_now(&c->loop) - c->stop_asked_ms < SAME_SIGNAL_MS)
        return;
    log_warn("drain.cut", "reason=\"a second signal\"");
    drain_now(&c->drain);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct control *c = handle->data;
    struct why reason;

    loop_touch(&c->loop);
    why_init(&reason);
    switch (number) {
    case SIGTERM:
    case SIGINT:
        on_stop(c);
        return;
    case SIGHUP:
        (void)control_reload(c, &reason);
        return;
    case SIGCHLD:
        if (c->child)
            child_reap(c->child);
        child_reap_orphans(is_ours, c);
        return;
    default:
        return;
    }
}

enum err control_watch_signals(struct control *c, struct why *w)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uv_signal_init(&c->loop.uv, &c->signals[i]);
        c->signals[i].data = c;
        c->signal_count++;
        if (uv_signal_start(&c->signals[i], on_signal, numbers[i]))
            return why(w, ERR_IO, "could not watch for signals");
    }
    return control_watch_config(c, w);
}
