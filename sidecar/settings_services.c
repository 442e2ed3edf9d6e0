/* services.*, defaults, and the ingress's way to the app. */
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/settings_finish.h"

enum { PLACE_PATH = 256 };

/* A name with dots stands in quotes, as in all paths. */
static void entry_path(const struct service_entry *s, const char *rest,
                       char out[PLACE_PATH])
{
    const char *quote = strchr(s->name, '.') ? "\"" : "";

    snprintf(out, PLACE_PATH, "services.%s%s%s.%s", quote, s->name, quote, rest);
}

static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.base[i] <= ' ' || strchr("/?#@\\,\"", text.base[i]))
            return false;
    return true;
}

static enum err finish_policy(struct finish *f, struct service_settings *s,
                              const char *prefix)
{
    char path[PLACE_PATH + 32];

    s->host_kind = strcmp(s->host, "instance") == 0  ? HOST_INSTANCE
                   : strcmp(s->host, "service") == 0 ? HOST_SERVICE
                                                     : HOST_TEXT;
    if (!is_host(slice_of(s->host))) {
        snprintf(path, sizeof(path), "%shost", prefix);
        return settings_refuse(f, path, "must be instance, service or a host, not \"%s\"",
                               s->host);
    }
    if (s->retries.backoff > s->retries.backoff_max) {
        snprintf(path, sizeof(path), "%sretries.backoff", prefix);
        return settings_refuse(f, path, "must not be longer than backoff_max");
    }
    if (s->outlier.rule.rest_ms > s->outlier.rule.rest_max_ms) {
        snprintf(path, sizeof(path), "%soutlier.rest", prefix);
        return settings_refuse(f, path, "must not be longer than max_rest");
    }
    return ERR_OK;
}

static enum err check_address(struct finish *f, const char *text)
{
    struct address a;
    enum err e;

    if (!text)
        return why(f->why, ERR_BAD_CONFIG, "needs an address");
    e = address_parse(&a, slice_of(text), 0, f->why);
    if (e || address_is_path(&a) || address_port(&a))
        return e;
    return why(f->why, ERR_BAD_VALUE, "needs a port, as in 127.0.0.1:5001");
}

/* An instance may be its address alone. */
static void why_at_instance(struct finish *f, const struct service_entry *s,
                            unsigned index)
{
    char rest[64], path[PLACE_PATH];

    snprintf(rest, sizeof(rest), "instances[%u].address", index);
    entry_path(s, rest, path);
    if (!settings_written(f, path))
        path[strlen(path) - strlen(".address")] = 0;
    settings_why_at(f->why, f->root, path);
}

/* Its place is looked up for a complaint alone: that takes long where there are many. */
static enum err finish_instance(struct finish *f, const struct service_entry *s,
                                unsigned index)
{
    const struct static_instance *i = s->instances.base;
    enum err e = check_address(f, i[index].address);

    if (e)
        why_at_instance(f, s, index);
    return e;
}

/* URLs of a drop-in begin with these: a service of the name could not be called by path.
 */
static const char *hidden_by(const struct settings *s, const char *name)
{
    static const struct {
        const char *name;
        unsigned flag;
        const char *by;
    } taken[] = {
        {"v1.0",     COMPAT_DAPR,  "dapr" },
        {"rpc",      COMPAT_MICRO, "micro"},
        {"registry", COMPAT_MICRO, "micro"},
        {"broker",   COMPAT_MICRO, "micro"},
        {"proxy",    COMPAT_PRANA, "prana"},
    };

    for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        if ((s->compat_flags & taken[i].flag) && strcmp(taken[i].name, name) == 0)
            return taken[i].by;
    return NULL;
}

static enum err finish_entry(struct finish *f, struct service_entry *s)
{
    char prefix[PLACE_PATH];
    const char *by = hidden_by(f->settings, s->name);
    enum err e;

    entry_path(s, "", prefix);
    if (by) {
        prefix[strlen(prefix) - 1] = 0;
        return settings_refuse(f, prefix, "compat %s takes this name", by);
    }
    e = finish_policy(f, &s->policy, prefix);
    for (unsigned i = 0; i < s->instances.count && !e; i++)
        e = finish_instance(f, s, i);
    if (e || !s->listen.count)
        return e;
    entry_path(s, "listen", prefix);
    return settings_listen(f, prefix, &s->listen, 0, &s->listen_addresses);
}

static int by_name(const void *a, const void *b)
{
    const struct service_entry *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static enum err sort_entries(struct finish *f)
{
    struct settings *s = f->settings;
    struct service_entry *entries = s->services.base;

    if (!s->services.count)
        return ERR_OK;
    s->by_name = memory_take(&s->memory, s->services.count * sizeof(*s->by_name));
    if (!s->by_name)
        return settings_no_memory(f);
    for (unsigned i = 0; i < s->services.count; i++)
        s->by_name[i] = &entries[i];
    qsort(s->by_name, s->services.count, sizeof(*s->by_name), by_name);
    return ERR_OK;
}

/* Behind the ingress there is one app: nowhere else to go, and its caller retries. */
static void derive_ingress(struct settings *s)
{
    struct service_settings *p = &s->ingress.policy;

    *p = s->defaults;
    p->timeout = p->try_timeout = s->ingress.timeout;
    p->limits = s->ingress.limits;
    p->retries.max = 0;
    p->outlier.rule.failures = 0;
    p->rewrite = false;
}

enum err settings_finish_services(struct finish *f)
{
    struct settings *s = f->settings;
    struct service_entry *entries = s->services.base;
    enum err e = finish_policy(f, &s->defaults, "defaults.");

    for (unsigned i = 0; i < s->services.count && !e; i++)
        e = finish_entry(f, &entries[i]);
    if (e)
        return e;
    derive_ingress(s);
    return sort_entries(f);
}

/* As strcmp() orders, for a name that may hold anything. */
static int compare(const char *known, struct slice name)
{
    size_t size = strlen(known);
    int order = memcmp(known, name.base, size < name.size ? size : name.size);

    return order ? order : (size > name.size) - (size < name.size);
}

const struct service_entry *service_entry_of(const struct settings *s, struct slice name)
{
    unsigned low = 0, high = name.size ? s->services.count : 0;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = compare(s->by_name[middle]->name, name);

        if (order == 0)
            return s->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct service_settings *service_settings_of(const struct settings *s,
                                                   struct slice name)
{
    const struct service_entry *entry = service_entry_of(s, name);

    return entry ? &entry->policy : &s->defaults;
}
