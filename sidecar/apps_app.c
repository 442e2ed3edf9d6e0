/* The life of one app in the registries. */
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/apps_parts.h"
#include "sidecar/core/log.h"

enum {
    STOP_MS = 2000,     /* for a registry to forget us */
    PATIENCE_MS = 2000, /* then we are ready though a registry is away */
    REACH_MS = 1000,
    DAMPING_WINDOW_MS = 60 * 1000,
    DAMPING_FIRST_MS = 1000,
    DAMPING_LIMIT_MS = 30 * 1000,
};

static const char *const state_names[] = {
    [APP_WAITING] = "waiting",
    [APP_CHECKING] = "checking",
    [APP_UNREACHABLE] = "unreachable",
    [APP_REGISTERING] = "registering",
    [APP_REGISTERED] = "registered",
    [APP_UNPUBLISHED] = "unpublished",
    [APP_OUT] = "out",
    [APP_RETURNING] = "returning",
    [APP_LEAVING] = "leaving",
    [APP_GONE] = "gone",
};

const char *app_state_name(enum app_state s)
{
    return state_names[s];
}

static const char *name_of(const struct app *app)
{
    return app_settings_of(app)->name;
}

void app_reason_set(char out[APP_REASON], const char *reason)
{
    snprintf(out, APP_REASON, "%.*s", APP_REASON - 1, reason);
}

void app_enter(struct app *app, enum app_state s, const char *reason)
{
    app->state = s;
    app_reason_set(app->reason, reason);
    apps_touch(app->apps);
}

static void stop_timers(struct app *app)
{
    timer_stop(&app->timer, apps_clock(app->apps));
    timer_stop(&app->patience, apps_clock(app->apps));
}

void app_take_out(struct app *app, uint64_t within_ms)
{
    stop_timers(app);
    app->is_ready = false;
    app->refreshing = false;
    if (app->reaching)
        check_cancel(&app->reach);
    if (app->lease_is_live)
        lease_stop(app->lease, within_ms);
}

/* ---- the lease ---- */

static void on_lease_changed(struct lease *l, bool held)
{
    struct app *app = lease_owner(l);
    char address[ADDRESS_TEXT];

    if (app->state != APP_REGISTERING && app->state != APP_REGISTERED)
        return;
    app->is_ready = app->is_ready || held;
    if (held && app->state == APP_REGISTERING)
        log_info("app.registered", "service=%s id=%s address=%s", name_of(app), app->id,
                 address_format(&app->address, address));
    app_enter(app, held ? APP_REGISTERED : APP_REGISTERING, "");
}

static void on_lease_stopped(struct lease *l)
{
    struct app *app = lease_owner(l);

    app->lease_is_live = false;
    apps_touch(app->apps);
}

static const struct lease_events lease_events = {
    .changed = on_lease_changed,
    .stopped = on_lease_stopped,
};

/* An app that is well serves, whether or not a registry can be told of it just now. */
static void on_patience(struct timer *t)
{
    struct app *app = container_of(t, struct app, patience);

    app->is_ready = true;
    apps_touch(app->apps);
}

static enum err lease_make(struct app *app)
{
    if (!app->lease)
        return lease_open(&app->lease, app->apps->context.catalog, &app->registration,
                          &lease_events, app);
    if (registration_equals(lease_registration(app->lease), &app->registration))
        return ERR_OK;
    return lease_update(app->lease, &app->registration);
}

static enum err lease_begin(struct app *app)
{
    enum err e = app_make_registration(app);

    if (!e)
        e = lease_make(app);
    if (!e)
        e = lease_start(app->lease);
    app->lease_is_live = app->lease_is_live || !e;
    return e;
}

/* ---- in the registries, or not ---- */

/* A refresh found all as it was, or the lease is under way. */
static void registering(struct app *app)
{
    bool was = app->refreshing && app->state == APP_REGISTERED;

    app->refreshing = false;
    if (!was)
        app_enter(app, APP_REGISTERING, "");
    if (!app->is_ready)
        timer_start(&app->patience, apps_clock(app->apps), PATIENCE_MS);
}

void app_put_in(struct app *app)
{
    enum err e = ERR_OK;

    if (!app->apps->settings->registry.publish) {
        (void)app_make_registration(app);
        app_take_out(app, STOP_MS);
        app->is_ready = true;
        app_enter(app, APP_UNPUBLISHED, "");
        return;
    }
    registering(app);
    e = lease_begin(app);
    if (e)
        app_look_again(app, err_text(e));
}

static void on_timer(struct timer *t)
{
    app_find_address(container_of(t, struct app, timer));
}

/* ---- well and unwell ---- */

/* The first return is free; each further one waits longer, unless it stayed for the whole window. */
static uint64_t damping(struct app *app)
{
    uint64_t now = loop_now(app->apps->context.loop), wait = DAMPING_FIRST_MS;

    app->came_ms = now;
    if (!app->has_been_out)
        return 0;
    for (unsigned i = 1; i < app->returns && wait < DAMPING_LIMIT_MS; i++)
        wait *= 2;
    return app->returns++ == 0 ? 0 : wait > DAMPING_LIMIT_MS ? DAMPING_LIMIT_MS : wait;
}

static void comes(struct app *app)
{
    uint64_t wait = damping(app);
    char reason[64];

    log_info("app.up", "service=%s id=%s", name_of(app), app->id);
    if (wait == 0) {
        app_find_address(app);
        return;
    }
    snprintf(reason, sizeof(reason), "it comes and goes: waiting %llu s",
             (unsigned long long)wait / 1000);
    log_warn("app.damped", "service=%s id=%s wait=%llums", name_of(app), app->id,
             (unsigned long long)wait);
    app_enter(app, APP_RETURNING, reason);
    timer_start(&app->timer, apps_clock(app->apps), wait);
}

static const char *port_note(const struct app *app)
{
    return app->index == 0 && app->apps->context.port_is_chosen
               ? " note=\"the app is expected on the port it gets as PORT; has it one of "
                 "its own, say --app-port\""
               : "";
}

static void goes(struct app *app, const char *reason)
{
    char text[2 * APP_REASON];

    log_quote(text, sizeof(text), slice_of(reason));
    if (app->state == APP_WAITING) {
        log_info("app.waiting", "service=%s id=%s reason=\"%s\"%s", name_of(app), app->id,
                 text, port_note(app));
        return;
    }
    log_warn("app.down", "service=%s id=%s reason=\"%s\"", name_of(app), app->id, text);
    app->has_been_out = true;
    if (loop_now(app->apps->context.loop) - app->came_ms > DAMPING_WINDOW_MS)
        app->returns = 0;
    app_take_out(app, STOP_MS);
    app_enter(app, APP_OUT, reason);
}

void app_check_changed(struct app *app, enum probe_state s, const struct why *why)
{
    bool is_out = app->state == APP_WAITING || app->state == APP_OUT;

    if (app->apps->leaving)
        return;
    if (s == PROBE_UP && is_out)
        comes(app);
    else if (s == PROBE_DOWN && app->state != APP_OUT)
        goes(app, why->text);
}

/* ---- life ---- */

void app_init(struct app *app, struct apps *a, unsigned index)
{
    *app = (struct app){.apps = a, .index = index};
    app->reach = (struct check){.loop = a->context.loop,
                                .timeout_ms = REACH_MS,
                                .owner = app,
                                .ended = app_on_reached};
    timer_init(&app->timer, on_timer);
    timer_init(&app->patience, on_patience);
}

/* The settings, or the registries, are others now. */
void app_refresh(struct app *app)
{
    switch (app->state) {
    case APP_REGISTERING:
    case APP_REGISTERED:
    case APP_UNPUBLISHED:
        app->refreshing = true;
        app_find_address(app);
        return;
    case APP_UNREACHABLE:
        timer_stop(&app->timer, apps_clock(app->apps));
        app_find_address(app);
        return;
    case APP_WAITING:
    case APP_CHECKING:
    case APP_OUT:
    case APP_RETURNING:
    case APP_LEAVING:
    case APP_GONE:
        return;
    }
}

void app_check_moved(struct app *app)
{
    struct address now = app_own_address(app);

    if (app->apps->leaving)
        return;
    app->apps->events->moved(app->apps->owner, app->index, &now);
    app_refresh(app);
}

void app_leave(struct app *app, enum app_state as, uint64_t within_ms, const char *reason)
{
    app_take_out(app, within_ms);
    if (app->state != APP_GONE)
        app_enter(app, as, reason);
}

void app_close(struct app *app)
{
    app_check_close(app->check);
    app->check = NULL;
}

bool app_is_closed(const struct app *app)
{
    return !app->reaching && !app->lease_is_live;
}

void app_fini(struct app *app)
{
    stop_timers(app);
    if (app->lease)
        lease_free(app->lease);
    app->lease = NULL;
    memory_free(&app->memory);
}
