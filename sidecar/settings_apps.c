/* The apps beside us, from `app` or `apps`. */
#include <stdio.h>

#include "sidecar/settings_finish.h"

/* `app` or `apps[2]`, for messages. */
struct app_place {
    char path[32];
};

static enum err refuse_at(struct finish *f, const struct app_place *at, const char *key,
                          const char *reason)
{
    char path[64];

    snprintf(path, sizeof(path), "%s.%s", at->path, key);
    return settings_refuse(f, path, "%s", reason);
}

static enum err finish_health(struct finish *f, struct app_settings *a,
                              const struct app_place *at)
{
    struct health_settings *h = &a->health;
    int kinds = (h->http != NULL) + h->tcp + (h->exec.count > 0) + h->off;

    if (kinds > 1)
        return refuse_at(f, at, "health", "http, tcp, exec and off exclude each other");
    h->path = h->http ? h->http : "/healthz";
    h->kind = h->http         ? HEALTH_HTTP
              : h->tcp        ? HEALTH_TCP
              : h->exec.count ? HEALTH_EXEC
              : h->off        ? HEALTH_NONE
                              : HEALTH_AUTO;
    if (h->first_interval > h->interval)
        h->first_interval = h->interval;
    return ERR_OK;
}

static enum err finish_host(struct finish *f, struct app_settings *a,
                            const struct app_place *at)
{
    struct slice host = slice_of(a->host);
    enum err e;

    a->address_count = 1;
    if (!host.size || slice_is(host, "localhost")) {
        a->address_count = 2;
        e = address_from_ip(&a->addresses[0], SLICE("127.0.0.1"), a->port);
        return e ? e : address_from_ip(&a->addresses[1], SLICE("::1"), a->port);
    }
    if (slice_starts_with(host, SLICE("unix:")))
        e = address_parse(&a->addresses[0], host, 0, f->why);
    else
        e = address_from_ip(&a->addresses[0], host, a->port);
    return e ? refuse_at(f, at, "host", "must be an IP address or unix:/path") : ERR_OK;
}

static enum err finish_advertise(struct finish *f, struct app_settings *a,
                                 const struct app_place *at)
{
    const char *path = a->advertise ? at->path : NULL;
    struct slice text;

    if (!a->advertise)
        a->advertise = f->settings->advertise;
    text = slice_of(a->advertise);
    a->advertise_auto = slice_is(text, "auto");
    if (a->advertise_auto || address_from_ip(&a->advertised, text, 0) == ERR_OK ||
        (address_parse(&a->advertised, text, 0, NULL) == ERR_OK &&
         !address_is_path(&a->advertised)))
        return ERR_OK;
    if (path)
        return refuse_at(f, at, "advertise", "must be auto, IP or IP:PORT");
    return settings_refuse(f, "advertise", "must be auto, IP or IP:PORT, not \"%s\"",
                           a->advertise);
}

static bool has_key(const struct pairs *p, const char *key)
{
    for (unsigned i = 0; i < p->count; i++)
        if (strcmp(p->items[i].key, key) == 0)
            return true;
    return false;
}

static enum err merge_metadata(struct finish *f, struct app_settings *a)
{
    const struct pairs *common = &f->settings->metadata;
    struct pairs own = a->metadata;
    struct pair *all;

    if (!common->count)
        return ERR_OK;
    all = memory_take(&f->settings->memory, (own.count + common->count) * sizeof(*all));
    if (!all)
        return settings_no_memory(f);
    if (own.count)
        memcpy(all, own.items, own.count * sizeof(*all));
    a->metadata = (struct pairs){all, own.count};
    for (unsigned i = 0; i < common->count; i++)
        if (!has_key(&own, common->items[i].key))
            all[a->metadata.count++] = common->items[i];
    return ERR_OK;
}

/* ingress.listen is for the one app; of several each has its own. */
static enum err finish_app_ingress(struct finish *f, struct app_settings *a,
                                   const struct app_place *at)
{
    const struct texts *shared = &f->settings->ingress.listen;
    struct texts own = {&a->ingress, 1};
    char path[64];

    if (a->ingress && shared->count)
        return refuse_at(f, at, "ingress", "ingress.listen is set too");
    if (shared->count)
        return settings_listen(f, "ingress.listen", shared, 0, &a->ingress_listen);
    if (!a->ingress)
        return ERR_OK;
    snprintf(path, sizeof(path), "%s.ingress", at->path);
    return settings_listen(f, path, &own, 0, &a->ingress_listen);
}

/* Calls to the app would come back to us. Ports nobody asked for give way. */
static enum err check_own_ports(struct finish *f, const struct app_settings *a,
                                const struct app_place *at)
{
    const struct settings *s = f->settings;
    const struct {
        const char *name;
        const struct listen_addresses *at;
    } own[] = {
        {"proxy.listen",  &s->proxy.addresses },
        {"admin.listen",  &s->admin.addresses },
        {"probes.listen", &s->probes.addresses},
        {"the ingress",   &a->ingress_listen  },
    };
    char reason[128];

    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        for (unsigned j = 0; j < own[i].at->count && !own[i].at->by_default; j++)
            for (unsigned k = 0; k < a->address_count; k++)
                if (settings_conflict(&own[i].at->items[j], &a->addresses[k])) {
                    snprintf(reason, sizeof(reason), "is where %s listens", own[i].name);
                    return refuse_at(f, at, a->port ? "port" : "host", reason);
                }
    return ERR_OK;
}

static enum err finish_app(struct finish *f, struct app_settings *a,
                           const struct app_place *at)
{
    enum err e = finish_health(f, a, at);

    if (!a->name)
        a->name = f->settings->name;
    if (!a->version)
        a->version = f->settings->version;
    if (!e)
        e = finish_host(f, a, at);
    if (!e)
        e = finish_advertise(f, a, at);
    if (!e)
        e = finish_app_ingress(f, a, at);
    if (!e)
        e = check_own_ports(f, a, at);
    if (!e)
        e = settings_finish_endpoints(f, a, at->path);
    return e ? e : merge_metadata(f, a);
}

static bool has_address(const struct app_settings *a)
{
    return a->port || (a->host && slice_starts_with(slice_of(a->host), SLICE("unix:")));
}

static enum err finish_one(struct finish *f)
{
    struct settings *s = f->settings;
    struct app_place at = {"app"};

    if (!has_address(&s->app) && !s->run.command.count) {
        if (s->ingress.listen.count)
            return settings_refuse(f, "ingress.listen",
                                   "there is no app behind it: set app.port");
        return ERR_OK;
    }
    s->all_apps = memory_take(&s->memory, sizeof(*s->all_apps));
    if (!s->all_apps)
        return settings_no_memory(f);
    s->all_apps[0] = s->app;
    s->app_count = 1;
    return finish_app(f, &s->all_apps[0], &at);
}

static enum err check_item(struct finish *f, const struct app_settings *a, unsigned count,
                           const struct app_place *at)
{
    if (!a->name && count > 1)
        return settings_refuse(f, at->path, "each of several apps needs a name");
    if (!has_address(a))
        return settings_refuse(f, at->path, "needs a port");
    return ERR_OK;
}

static enum err finish_several(struct finish *f)
{
    struct settings *s = f->settings;
    unsigned count = s->apps.count;
    enum err e = ERR_OK;

    if (has_address(&s->app))
        return settings_refuse(f, "app.port", "app and apps exclude each other");
    if (s->ingress.listen.count && count > 1)
        return settings_refuse(f, "ingress.listen", "is for one app: set apps[].ingress");
    s->all_apps = memory_take(&s->memory, count * sizeof(*s->all_apps));
    if (!s->all_apps)
        return settings_no_memory(f);
    memcpy(s->all_apps, s->apps.base, count * sizeof(*s->all_apps));
    s->app_count = count;
    for (unsigned i = 0; i < count && !e; i++) {
        struct app_place at;

        snprintf(at.path, sizeof(at.path), "apps[%u]", i);
        e = check_item(f, &s->all_apps[i], count, &at);
        if (!e)
            e = finish_app(f, &s->all_apps[i], &at);
    }
    return e;
}

enum err settings_finish_apps(struct finish *f)
{
    return f->settings->apps.count ? finish_several(f) : finish_one(f);
}
