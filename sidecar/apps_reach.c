/* The address of an app that would be registered: which it is, and whether anything answers there. */
#include <stdlib.h>
#include <string.h>

#include "sidecar/apps_parts.h"
#include "sidecar/core/log.h"

enum {
    STOP_MS = 2000,       /* for the registries to forget an address that went */
    LOOK_AGAIN_MS = 1000, /* at one that did not answer */
};

/* Said once, not at every look. */
static void complain(struct app *app, const char *reason)
{
    char text[2 * APP_REASON];

    if (strncmp(app->complaint, reason, sizeof(app->complaint) - 1) == 0)
        return;
    app_reason_set(app->complaint, reason);
    log_error("app.unreachable", "service=%s reason=\"%s\"", app_settings_of(app)->name,
              log_quote(text, sizeof(text), slice_of(reason)));
}

void app_look_again(struct app *app, const char *reason)
{
    complain(app, reason);
    app_take_out(app, STOP_MS);
    app_enter(app, APP_UNREACHABLE, reason);
    timer_start(&app->timer, apps_clock(app->apps), LOOK_AGAIN_MS);
}

/* `own` is lent. */
static struct advertise advertise_of(const struct app *app, const struct address *own)
{
    const struct apps_context *c = &app->apps->context;

    return (struct advertise){
        .app = app_settings_of(app),
        .app_index = app->index,
        .own = own,
        .ports = c->ports,
        .catalog = c->catalog,
        .pod_ip = getenv("POD_IP"),
    };
}

/* Where the app itself answers: the check may have a port of its own. */
struct address app_own_address(const struct app *app)
{
    struct address a = *probe_address(app->check->probe);

    if (!address_is_path(&a))
        address_set_port(&a, app_settings_of(app)->port);
    return a;
}

/* By what has set the state since; it may be that the address is wanted again. */
static void on_cancelled(struct app *app)
{
    if (app->state == APP_CHECKING || app->refreshing)
        app_find_address(app);
    apps_touch(app->apps);
}

static void on_unreached(struct app *app)
{
    struct address own = app_own_address(app);
    struct advertise a = advertise_of(app, &own);
    struct why why_text;

    why_init(&why_text);
    advertise_explain(&a, &app->reach.to, app->reach.reason, &why_text);
    app_look_again(app, why_text.text);
}

void app_on_reached(struct check *c, enum probe_result r)
{
    struct app *app = c->owner;

    app->reaching = false;
    if (r == CHECK_NONE) {
        on_cancelled(app);
        return;
    }
    if (r != CHECK_PASSED) {
        on_unreached(app);
        return;
    }
    app->has_address = true;
    app->complaint[0] = '\0';
    app->address = c->to;
    app_put_in(app);
}

static enum err find(struct app *app, struct address *to, struct why *w)
{
    struct address own = app_own_address(app);
    struct advertise a = advertise_of(app, &own);

    return advertise_find(&a, to, w);
}

void app_find_address(struct app *app)
{
    struct why why_text;

    if (!app->refreshing)
        app_enter(app, APP_CHECKING, "");
    if (app->reaching)
        return;
    why_init(&why_text);
    if (find(app, &app->reach.to, &why_text)) {
        app_look_again(app, why_text.text);
        return;
    }
    app->reaching = true;
    check_start(&app->reach, PROBE_TCP);
}
