/* From health settings to a probe. */
#include <stdlib.h>
#include <string.h>

#include "sidecar/apps_parts.h"

static enum probe_kind kind_of(enum health_kind k)
{
    static const enum probe_kind kinds[] = {
        [HEALTH_AUTO] = PROBE_HTTP, [HEALTH_HTTP] = PROBE_HTTP, [HEALTH_TCP] = PROBE_TCP,
        [HEALTH_EXEC] = PROBE_EXEC, [HEALTH_NONE] = PROBE_NONE,
    };

    return kinds[k];
}

static struct probe_settings settings_of(const struct health_settings *h)
{
    return (struct probe_settings){
        .kind = kind_of(h->kind),
        .path = h->path,
        .path_is_default = h->kind == HEALTH_AUTO,
        .command = h->exec,
        .first_interval_ms = h->first_interval,
        .interval_ms = h->interval,
        .jitter = h->jitter,
        .timeout_ms = h->timeout,
        .fall = h->fall,
        .rise = h->rise,
    };
}

/* The app's, with the port that the check has of its own. */
static unsigned addresses_of(const struct app_settings *s, struct address out[2])
{
    for (unsigned i = 0; i < s->address_count; i++) {
        out[i] = s->addresses[i];
        if (s->health.port && !address_is_path(&out[i]))
            address_set_port(&out[i], s->health.port);
    }
    return s->address_count;
}

static void on_changed(struct probe *p, enum probe_state s, const struct why *why)
{
    struct app_check *c = probe_owner(p);

    if (c->app)
        app_check_changed(c->app, s, why);
}

static void on_moved(struct probe *p)
{
    struct app_check *c = probe_owner(p);

    if (c->app)
        app_check_moved(c->app);
}

static void on_closed(struct probe *p)
{
    struct app_check *c = probe_owner(p);
    struct apps *a = c->apps;

    probe_free(p);
    settings_unref(c->lent);
    list_remove(&c->node);
    free(c);
    apps_touch(a);
}

static const struct probe_events events = {
    .changed = on_changed, .moved = on_moved, .closed = on_closed};

enum err app_check_open(struct app_check **out, struct app *app, struct settings *s)
{
    const struct app_settings *as = &s->all_apps[app->index];
    struct app_check *c = calloc(1, sizeof(*c));
    struct address addresses[2];
    enum err e;

    if (!c)
        return ERR_NO_MEMORY;
    *c = (struct app_check){
        .app = app, .apps = app->apps, .settings = settings_of(&as->health)};
    e = probe_open(&c->probe, app->apps->context.loop, app->apps->context.random,
                   &c->settings, addresses, addresses_of(as, addresses), &events, c);
    if (e) {
        free(c);
        return e;
    }
    c->lent = settings_ref(s);
    list_push_back(&app->apps->checks, &c->node);
    *out = c;
    return ERR_OK;
}

void app_check_close(struct app_check *c)
{
    if (!c)
        return;
    c->app = NULL;
    probe_close(c->probe);
}

static bool texts_equal(const struct texts *a, const struct texts *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

bool app_check_is_same(const struct app_check *c, const struct settings *s,
                       unsigned index)
{
    const struct health_settings *old = &c->lent->all_apps[index].health;
    const struct health_settings *new = &s->all_apps[index].health;

    return old->kind == new->kind &&
           old->port == new->port &&strcmp(old->path, new->path) == 0 &&
           texts_equal(&old->exec, &new->exec) && old->interval == new->interval &&
           old->jitter == new->jitter && old->timeout == new->timeout &&
           old->first_interval == new->first_interval && old->fall == new->fall &&
           old->rise == new->rise;
}
