/* How a catalog begins, changes its registries, and ends. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"

enum {
    SUSPECT_MS = 30 * 1000,
    FORGET_MS = 60 * 1000,
    NAMES_LIMIT = 100 * 1000,
    CROWDED = 4096, /* names */
    CROWDED_PAUSE_MS = 1000,
    CROWDED_FORGET_MS = 5 * 1000,
    SWEEPS = 4, /* in forget_ms */
};

/* Settings of our own. */

static void settings_fini(struct catalog_settings *s)
{
    for (unsigned i = 0; s->urls && i < s->count; i++)
        free((char *)s->urls[i]);
    free((void *)s->urls);
    free((char *)s->state_file);
}

static bool has_static(const struct catalog_settings *s)
{
    struct registry_url u;

    for (unsigned i = 0; i < s->count; i++)
        if (!registry_url_parse(&u, slice_of(s->urls[i]), NULL) &&
            slice_is(u.scheme, "static"))
            return true;
    return false;
}

static bool has_url(const struct catalog_settings *s, struct slice url)
{
    for (unsigned i = 0; i < s->count; i++)
        if (slice_is(url, s->urls[i]))
            return true;
    return false;
}

static enum err copy_url(struct catalog_settings *to, const char *url, struct why *w)
{
    struct slice text = slice_trim(slice_of(url));
    struct registry_url u;
    enum err e = registry_url_parse(&u, text, w);
    char *copy;

    if (e || has_url(to, text))
        return e;
    copy = slice_dup(text);
    if (!copy)
        return ERR_NO_MEMORY;
    ((const char **)to->urls)[to->count++] = copy;
    return ERR_OK;
}

static enum err copy_urls(struct catalog_settings *to,
                          const struct catalog_settings *from, struct why *w)
{
    bool joins = from->environment.static_count > 0 && !has_static(from);
    enum err e = ERR_OK;

    to->count = 0;
    to->urls = calloc(from->count + 1, sizeof *to->urls);
    if (!to->urls)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < from->count && !e; i++)
        e = copy_url(to, from->urls[i], w);
    return !e && joins ? copy_url(to, "static", w) : e;
}

static enum err settings_copy(struct catalog_settings *to,
                              const struct catalog_settings *from, struct why *w)
{
    enum err e;

    *to = *from;
    to->urls = NULL;
    to->suspect_ms = from->suspect_ms ? from->suspect_ms : SUSPECT_MS;
    to->forget_ms = from->forget_ms ? from->forget_ms : FORGET_MS;
    to->names_limit = from->names_limit ? from->names_limit : NAMES_LIMIT;
    to->state_file = from->state_file ? slice_dup(slice_of(from->state_file)) : NULL;
    e = copy_urls(to, from, w);
    if (!e && from->state_file && !to->state_file)
        e = ERR_NO_MEMORY;
    if (e)
        settings_fini(to);
    return e;
}

/* Members. */

static bool texts_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool tls_equal(const struct tls_settings *a, const struct tls_settings *b)
{
    return texts_equal(a->ca_file, b->ca_file) &&
           texts_equal(a->cert_file, b->cert_file) &&
           texts_equal(a->key_file, b->key_file) &&
           texts_equal(a->server_name, b->server_name);
}

/* What "static" says hangs on the settings, so it is always a new one. */
static struct member *find_member(const struct catalog *c, const char *url, bool same_tls)
{
    for (unsigned i = 0; i < c->member_count; i++) {
        struct registry_url *u = &c->members[i]->registry->url;

        if (strcmp(u->storage, url) == 0 && !slice_is(u->scheme, "static") &&
            (same_tls || !u->is_tls))
            return c->members[i];
    }
    return NULL;
}

static bool has_member(struct member **members, unsigned count, const struct member *m)
{
    for (unsigned i = 0; i < count; i++)
        if (members[i] == m)
            return true;
    return false;
}

static void leave_new(struct catalog *c, struct member **members, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (members[i] && !has_member(c->members, c->member_count, members[i]))
            member_leave(members[i]);
}

static enum err open_members(struct catalog *c, const struct catalog_settings *s,
                             bool same_tls, struct member **members, struct why *w)
{
    enum err e = ERR_OK;

    for (unsigned i = 0; i < s->count && !e; i++) {
        members[i] = find_member(c, s->urls[i], same_tls);
        if (!members[i])
            e = member_open(&members[i], c, s->urls[i], w);
    }
    if (e)
        leave_new(c, members, s->count);
    return e;
}

/* Watches end before their registry closes. */
static void leave_old(struct catalog *c, struct member **old, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        old[i]->leaving = !has_member(c->members, c->member_count, old[i]);
    map_each(at, &c->services)
    {
        service_follow_members(at->value);
        service_touch(at->value);
    }
    list_each(at, after, &c->leases) lease_follow_members(at);
    for (unsigned i = 0; i < count; i++)
        if (old[i]->leaving)
            member_leave(old[i]);
}

static void use_members(struct catalog *c, struct member **members, unsigned count)
{
    struct member **old = c->members;
    unsigned old_count = c->member_count;

    c->members = members;
    c->member_count = count;
    leave_old(c, old, old_count);
    free(old);
    if (c->names_wanted)
        catalog_watch_names(c);
}

/* Takes over `mine`; on failure all is as it was, and `mine` still the caller's. */
static enum err use_settings(struct catalog *c, const struct catalog_settings *mine,
                             struct why *w)
{
    struct catalog_settings before = c->settings;
    struct member **members = calloc(mine->count + 1, sizeof *members);
    enum err e = ERR_NO_MEMORY;

    c->settings = *mine; /* registries look into its environment from here on */
    if (members)
        e = open_members(c, mine,
                         tls_equal(&before.environment.tls, &mine->environment.tls),
                         members, w);
    if (e) {
        c->settings = before;
        free(members);
        return e;
    }
    use_members(c, members, mine->count);
    settings_fini(&before);
    return ERR_OK;
}

/* Sweeping. */

static void sweep_these(struct catalog *c, struct service **all, uint64_t age_ms)
{
    uint32_t count = 0;

    map_each(at, &c->services) all[count++] = at->value;
    for (uint32_t i = 0; i < count; i++)
        service_sweep(all[i], loop_now(c->loop), age_ms);
}

static void sweep_all(struct catalog *c, uint64_t age_ms)
{
    struct service **all = calloc(c->services.count + 1, sizeof *all);

    if (all)
        sweep_these(c, all, age_ms);
    free(all);
}

void catalog_make_room(struct catalog *c)
{
    uint64_t now = loop_now(c->loop);

    if (c->services.count < CROWDED || now - c->made_room_ms < CROWDED_PAUSE_MS)
        return;
    c->made_room_ms = now;
    sweep_all(c, CROWDED_FORGET_MS);
}

static void sweep_later(struct catalog *c)
{
    uint64_t wait = c->settings.forget_ms / SWEEPS;

    timer_start(&c->sweep, &c->loop->clock, wait ? wait : 1);
}

static void on_sweep(struct timer *t)
{
    struct catalog *c = container_of(t, struct catalog, sweep);

    sweep_all(c, c->settings.forget_ms);
    sweep_later(c);
}

/* Life. */

static void free_all(struct catalog *c)
{
    state_free(c);
    settings_fini(&c->settings);
    free(c->members);
    free(c->names);
    map_fini(&c->services);
    free(c);
}

static void on_end(struct timer *t)
{
    struct catalog *c = container_of(t, struct catalog, end);

    if (c->stillborn)
        free_all(c);
    else
        c->events->closed(c);
}

void catalog_end_if_done(struct catalog *c)
{
    if (c->closing && list_empty(&c->leaving) && !state_is_busy(c) &&
        !timer_active(&c->end))
        timer_start(&c->end, &c->loop->clock, 0);
}

static void init(struct catalog *c)
{
    list_init(&c->leaving);
    list_init(&c->leases);
    timer_init(&c->sweep, on_sweep);
    timer_init(&c->end, on_end);
}

/* Registries that were opened close in their own time; the rest goes with the last of them. */
static enum err give_up(struct catalog *c, enum err e)
{
    c->stillborn = c->closing = true;
    catalog_end_if_done(c);
    return e;
}

enum err catalog_open(struct catalog **out, const struct catalog_settings *s,
                      struct loop *l, struct random *random,
                      const struct catalog_events *events, void *owner, struct why *w)
{
    struct catalog *c = calloc(1, sizeof *c);
    struct catalog_settings mine;
    enum err e = c ? settings_copy(&mine, s, w) : ERR_NO_MEMORY;

    if (e) {
        free(c);
        return e;
    }
    c->loop = l;
    c->random = random;
    c->events = events;
    c->owner = owner;
    init(c);
    e = use_settings(c, &mine, w);
    if (e) {
        settings_fini(&mine);
        return give_up(c, e);
    }
    state_open(c);
    sweep_later(c);
    *out = c;
    return ERR_OK;
}

enum err catalog_reload(struct catalog *c, const struct catalog_settings *s,
                        struct why *w)
{
    struct catalog_settings mine;
    enum err e = settings_copy(&mine, s, w);

    if (e)
        return e;
    e = use_settings(c, &mine, w);
    if (e)
        settings_fini(&mine);
    else if (!c->state)
        state_open(c);
    return e;
}

static void drop_services(struct catalog *c)
{
    struct map services = c->services;

    c->services = (struct map){0};
    map_each(at, &services) service_free(at->value);
    map_fini(&services);
}

void catalog_close(struct catalog *c)
{
    if (c->closing)
        return;
    c->closing = true;
    timer_stop(&c->sweep, &c->loop->clock);
    state_close(c);
    drop_services(c);
    for (unsigned i = 0; i < c->member_count; i++)
        member_leave(c->members[i]);
    c->member_count = 0;
    catalog_end_if_done(c);
}

void catalog_free(struct catalog *c)
{
    free_all(c);
}
