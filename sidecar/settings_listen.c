/* Where we listen: texts to addresses, and no two on the same. */
#include <stdio.h>

#include "sidecar/settings_finish.h"

static void item_path(struct finish *f, const char *path, unsigned index, char out[280])
{
    snprintf(out, 280, "%s[%u]", path, index);
    if (!settings_written(f, out))
        snprintf(out, 280, "%s", path);
}

/* localhost is both loopbacks: the second address of its text. */
static enum err add_localhost(struct listen_addresses *out, struct slice text,
                              struct why *w)
{
    struct address *v4 = &out->items[out->count];
    struct address *v6 = v4 + 1;
    enum err e = address_parse(v4, text, 0, w);

    if (e)
        return e;
    e = address_from_ip(v4, SLICE("127.0.0.1"), address_port(v4));
    if (!e)
        e = address_from_ip(v6, SLICE("::1"), address_port(v4));
    out->count += 2;
    return e;
}

static enum err add_address(struct listen_addresses *out, struct slice text,
                            struct why *w)
{
    struct address *a = &out->items[out->count];
    enum err e;

    if (slice_starts_with(text, SLICE("localhost:")))
        return add_localhost(out, text, w);
    if (slice_starts_with(text, SLICE(":")))
        return why(w, ERR_BAD_VALUE,
                   "needs an address before the port: 127.0.0.1%.*s or 0.0.0.0%.*s",
                   (int)text.size, text.base, (int)text.size, text.base);
    e = address_parse(a, text, 0, w);
    out->count++;
    return e;
}

enum err settings_listen(struct finish *f, const char *path, const struct texts *texts,
                         uint32_t port, struct listen_addresses *out)
{
    char place[280];
    enum err e = ERR_OK;

    out->items =
        memory_take(&f->settings->memory, 2 * texts->count * sizeof(*out->items) + 1);
    if (!out->items)
        return settings_no_memory(f);
    for (unsigned i = 0; i < texts->count && !e; i++) {
        e = add_address(out, slice_of(texts->items[i]), f->why);
        item_path(f, path, i, place);
        if (e)
            settings_why_at(f->why, f->root, place);
    }
    for (unsigned i = 0; i < out->count && port; i++)
        if (!address_is_path(&out->items[i]))
            address_set_port(&out->items[i], port);
    return e;
}

static enum err needs_secret(struct finish *f, const char *group,
                             const struct listen_addresses *at, const char *secret)
{
    char path[64], text[ADDRESS_TEXT];

    snprintf(path, sizeof(path), "%s.listen", group);
    for (unsigned i = 0; i < at->count && !secret; i++)
        if (!address_is_loopback(&at->items[i]))
            return settings_refuse(f, path,
                                   "%s is not loopback: set %s.token or %s.token_file",
                                   address_format(&at->items[i], text), group, group);
    return ERR_OK;
}

/* A set of addresses somebody asked for. */
struct asked {
    const char *path;
    const struct listen_addresses *at;
};

bool settings_conflict(const struct address *a, const struct address *b)
{
    if (address_is_path(a) || address_is_path(b))
        return address_equals(a, b);
    if (address_port(a) != address_port(b) || address_port(a) == 0 ||
        a->any.sa_family != b->any.sa_family)
        return false;
    return address_is_any(a) || address_is_any(b) || address_equals(a, b);
}

static enum err check_pair(struct finish *f, const struct asked *a, const struct asked *b)
{
    char text[ADDRESS_TEXT];

    if (a->at->by_default || b->at->by_default)
        return ERR_OK;
    for (unsigned i = 0; i < a->at->count; i++)
        for (unsigned j = 0; j < b->at->count; j++)
            if (settings_conflict(&a->at->items[i], &b->at->items[j]))
                return settings_refuse(f, a->path, "%s is taken by %s",
                                       address_format(&a->at->items[i], text), b->path);
    return ERR_OK;
}

static enum err check_conflicts(struct finish *f, const struct asked *own, unsigned count)
{
    const struct service_entry *entries = f->settings->services.base;
    enum err e = ERR_OK;

    for (unsigned i = 1; i < count && !e; i++)
        for (unsigned j = 0; j < i && !e; j++)
            e = check_pair(f, &own[i], &own[j]);
    for (unsigned i = 0; i < f->settings->services.count && !e; i++) {
        char path[200];
        struct asked service = {path, &entries[i].listen_addresses};

        snprintf(path, sizeof(path), "services.%s.listen", entries[i].name);
        for (unsigned j = 0; j < count && !e; j++)
            e = check_pair(f, &service, &own[j]);
    }
    return e;
}

static enum err listen_all(struct finish *f, struct listen_addresses *ingress)
{
    struct settings *s = f->settings;
    enum err e = settings_listen(f, "proxy.listen", &s->proxy.listen, s->proxy.port,
                                 &s->proxy.addresses);

    if (!e)
        e = settings_listen(f, "admin.listen", &s->admin.listen, 0, &s->admin.addresses);
    if (!e)
        e = settings_listen(f, "probes.listen", &s->probes.listen, 0,
                            &s->probes.addresses);
    if (!e)
        e = settings_listen(f, "ingress.listen", &s->ingress.listen, 0, ingress);
    if (!e)
        e = needs_secret(f, "proxy", &s->proxy.addresses, s->proxy.secret);
    return e ? e : needs_secret(f, "admin", &s->admin.addresses, s->admin.secret);
}

enum err settings_finish_listeners(struct finish *f)
{
    struct settings *s = f->settings;
    struct listen_addresses ingress = {0};
    const struct asked all[] = {
        {"proxy.listen",   &s->proxy.addresses },
        {"admin.listen",   &s->admin.addresses },
        {"ingress.listen", &ingress            },
        {"probes.listen",  &s->probes.addresses},
    };
    enum err e = listen_all(f, &ingress);

    s->proxy.addresses.by_default =
        !settings_written(f, "proxy.listen") && !s->proxy.port;
    s->admin.addresses.by_default = !settings_written(f, "admin.listen");
    return e ? e : check_conflicts(f, all, sizeof(all) / sizeof(all[0]));
}
