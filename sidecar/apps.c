#include "sidecar/apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sidecar/apps_parts.h"

enum {
    GONE_MS = 2000,
    CLOSE_MS = 200, /* what was not deregistered before has this long */
};

/* ---- what is told, and when ---- */

void apps_touch(struct apps *a)
{
    if (!timer_active(&a->tell))
        timer_start(&a->tell, apps_clock(a), 0);
}

bool apps_are_ready(const struct apps *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (!a->items[i].is_ready)
            return false;
    return !a->leaving;
}

static bool leases_are_gone(const struct apps *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->items[i].lease_is_live)
            return false;
    return true;
}

static bool is_closed(const struct apps *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (!app_is_closed(&a->items[i]))
            return false;
    return a->closing && list_empty(&a->checks);
}

static void finish_closing(struct apps *a)
{
    for (unsigned i = 0; i < a->count; i++)
        app_fini(&a->items[i]);
    timer_stop(&a->refresh, apps_clock(a));
    timer_stop(&a->tell, apps_clock(a));
    a->events->closed(a->owner);
}

static void on_tell(struct timer *t)
{
    struct apps *a = container_of(t, struct apps, tell);
    bool ready = apps_are_ready(a);

    if (ready != a->told_ready) {
        a->told_ready = ready;
        a->events->ready_changed(a->owner, ready);
    }
    if (a->deregistering && leases_are_gone(a)) {
        a->deregistering = false;
        a->events->deregistered(a->owner);
    }
    if (is_closed(a))
        finish_closing(a);
}

/* ---- opening ---- */

static void on_refresh(struct timer *t)
{
    struct apps *a = container_of(t, struct apps, refresh);

    for (unsigned i = 0; i < a->count; i++)
        app_refresh(&a->items[i]);
}

static enum err open_all(struct apps *a)
{
    enum err e = ERR_OK;

    a->items = calloc(a->settings->app_count + 1, sizeof(*a->items));
    if (!a->items)
        return ERR_NO_MEMORY;
    for (; a->count < a->settings->app_count && !e; a->count++) {
        struct app *app = &a->items[a->count];

        app_init(app, a, a->count);
        app_make_id(app);
        e = app_check_open(&app->check, app, a->settings);
    }
    return e;
}

enum err apps_open(struct apps **out, const struct apps_context *context,
                   const struct apps_events *events, void *owner, struct why *w)
{
    struct apps *a = calloc(1, sizeof(*a));
    enum err e;

    if (!a)
        return why(w, ERR_NO_MEMORY, "out of memory");
    *a = (struct apps){.context = *context, .events = events, .owner = owner};
    a->settings = settings_ref(context->settings);
    list_init(&a->checks);
    timer_init(&a->tell, on_tell);
    timer_init(&a->refresh, on_refresh);
    *out = a;
    e = open_all(a);
    if (e)
        return why(w, e, "%s", err_text(e));
    apps_touch(a);
    return ERR_OK;
}

/* ---- new settings ---- */

static void close_checks(struct app_check **checks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        app_check_close(checks[i]);
}

/* A check that stays is NULL among the new ones. */
static enum err open_checks(struct apps *a, struct settings *s, struct app_check **checks)
{
    enum err e = ERR_OK;

    for (unsigned i = 0; i < a->count && !e; i++)
        if (!app_check_is_same(a->items[i].check, s, i))
            e = app_check_open(&checks[i], &a->items[i], s);
    return e;
}

static void take_checks(struct apps *a, struct app_check **checks)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (!checks[i])
            continue;
        app_check_close(a->items[i].check);
        a->items[i].check = checks[i];
    }
}

/* The registries may change in the same turn, after this: what is registered is looked at in the next. */
static void take_settings(struct apps *a, struct settings *s)
{
    settings_ref(s);
    settings_unref(a->settings);
    a->settings = s;
    timer_start(&a->refresh, apps_clock(a), 0);
}

enum err apps_configure(struct apps *a, struct settings *settings, struct why *w)
{
    struct app_check **checks;
    enum err e;

    if (settings->app_count != a->count)
        return why(w, ERR_UNSUPPORTED, "apps come and go with a restart only");
    checks = calloc(a->count + 1, sizeof(struct app_check *));
    e = checks ? open_checks(a, settings, checks) : ERR_NO_MEMORY;
    if (e) {
        if (checks)
            close_checks(checks, a->count);
        free(checks);
        return why(w, e, "%s", err_text(e));
    }
    take_checks(a, checks);
    free(checks);
    take_settings(a, settings);
    return ERR_OK;
}

/* ---- leaving ---- */

static void leave_all(struct apps *a, enum app_state as, uint64_t within_ms,
                      const char *reason)
{
    a->leaving = true;
    for (unsigned i = 0; i < a->count; i++)
        app_leave(&a->items[i], as, within_ms, reason);
    apps_touch(a);
}

void apps_deregister(struct apps *a, uint64_t within_ms)
{
    a->deregistering = true;
    leave_all(a, APP_LEAVING, within_ms, "this sidecar is shutting down");
}

void apps_gone(struct apps *a, const char *reason)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->items[i].check)
            probe_fail_now(a->items[i].check->probe, reason);
    leave_all(a, APP_GONE, GONE_MS, reason);
}

void apps_close(struct apps *a)
{
    a->closing = true;
    leave_all(a, APP_LEAVING, CLOSE_MS, "");
    for (unsigned i = 0; i < a->count; i++)
        app_close(&a->items[i]);
}

void apps_free(struct apps *a)
{
    settings_unref(a->settings);
    free(a->items);
    free(a);
}

/* ---- looking at them ---- */

unsigned apps_count(const struct apps *a)
{
    return a->count;
}

static const char *reason_of(const struct app *app)
{
    const char *text = "";

    for (unsigned i = 0; app->state == APP_REGISTERING && app->lease && !*text &&
                         i < catalog_registry_count(app->apps->context.catalog);
         i++)
        lease_state(app->lease, i, &text);
    return *text ? text : app->reason;
}

void apps_status(const struct apps *a, unsigned at, struct app_status *out)
{
    const struct app *app = &a->items[at];
    const char *reason;

    *out = (struct app_status){.name = app_settings_of(app)->name,
                               .id = app->id,
                               .state = app_state_name(app->state)};
    if (app->check) {
        probe_report(app->check->probe, &out->probe);
        address_format(probe_address(app->check->probe), out->address);
    }
    if (app->has_address)
        address_format(&app->address, out->advertised);
    reason = app->state == APP_WAITING ? out->probe.reason : reason_of(app);
    snprintf(out->reason, sizeof(out->reason), "%s", reason);
}

const struct registration *apps_registration(const struct apps *a, unsigned at)
{
    const struct app *app = &a->items[at];

    return app->registration.service ? &app->registration : NULL;
}

bool apps_own_process(const struct apps *a, int pid)
{
    list_each(at, after, &a->checks)
    {
        if (probe_process(container_of(at, struct app_check, node)->probe) == pid)
            return true;
    }
    return false;
}

/* ---- the port of an app that we start ---- */

static unsigned free_port(void)
{
    struct address a;
    socklen_t size = sizeof(a.v4);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = fd >= 0 && !address_from_ip(&a, SLICE("127.0.0.1"), 0) &&
                 !bind(fd, &a.any, size) && !getsockname(fd, &a.any, &size);

    if (fd >= 0)
        close(fd);
    return bound ? address_port(&a) : 0;
}

/* An app that is all ours to start and has no address yet. */
static bool wants_port(const struct settings *s)
{
    return s->run.command.count && s->app_count == 1 && !s->all_apps[0].port &&
           !address_is_path(&s->all_apps[0].addresses[0]);
}

enum err apps_choose_port(struct settings *s, unsigned *port, struct why *w)
{
    struct app_settings *app = s->all_apps;

    if (!wants_port(s))
        return ERR_OK;
    if (!*port)
        *port = free_port();
    if (!*port)
        return why(w, ERR_UNAVAILABLE, "no free port for the app");
    app->port = *port;
    for (unsigned i = 0; i < app->address_count; i++)
        address_set_port(&app->addresses[i], *port);
    return ERR_OK;
}
