#include <stdlib.h>

#include "discovery/catalog_parts.h"

/* What the registries say, to whom it concerns. */

static void frame_deliver(struct registry_watch *w, const struct instance *instances,
                          uint32_t count, enum authority authority)
{
    source_deliver(w->owner, instances, count, authority);
}

static void frame_add(struct registry_watch *w, const struct instance *i)
{
    source_add(w->owner, i);
}

static void frame_remove(struct registry_watch *w, const char *id)
{
    source_remove(w->owner, id);
}

static void frame_failed(struct registry_watch *w, enum err e, const struct why *why)
{
    source_failed(w->owner, e, why);
}

static void frame_names(struct registry *r, const char *const *names, uint32_t count)
{
    member_names(r->frame_owner, names, count);
}

static void frame_names_failed(struct registry *r, enum err e, const struct why *why)
{
    member_names_failed(r->frame_owner, e, why);
}

const struct registry_frame catalog_frame = {
    .deliver = frame_deliver,
    .add = frame_add,
    .remove = frame_remove,
    .failed = frame_failed,
    .names = frame_names,
    .names_failed = frame_names_failed,
    .lease_done = lease_on_done,
};

/* Services. */

void *catalog_owner(const struct catalog *c)
{
    return c->owner;
}

static struct service *find(const struct catalog *c, struct slice name)
{
    return map_get(&c->services, name);
}

static enum err want_new(struct catalog *c, struct slice name)
{
    struct service *s;
    enum err e;

    catalog_make_room(c);
    if (c->services.count >= c->settings.names_limit)
        return ERR_TOO_LARGE;
    e = service_new(&s, c, name);
    if (e)
        return e;
    s->wanted_ms = loop_now(c->loop);
    state_recall(c, s);
    if (list_empty(&s->sources))
        service_touch(s); /* no registry: nobody else will answer */
    return ERR_OK;
}

enum err catalog_want(struct catalog *c, struct slice name)
{
    struct service *s = find(c, name);

    if (!service_name_is_valid(name))
        return ERR_BAD_VALUE;
    if (!s)
        return want_new(c, name);
    s->wanted_ms = loop_now(c->loop);
    s->announce = true;
    if (s->list)
        service_touch(s);
    return ERR_OK;
}

struct instance_list *catalog_get(const struct catalog *c, struct slice name)
{
    const struct service *s = find(c, name);

    return s ? s->list : NULL;
}

/* Names. */

enum err catalog_watch_names(struct catalog *c)
{
    c->names_wanted = true;
    for (unsigned i = 0; i < c->member_count; i++)
        member_watch_names(c->members[i]);
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static unsigned sort_unique(const char **names, unsigned count)
{
    unsigned kept = 0;

    qsort(names, count, sizeof *names, by_name);
    for (unsigned i = 0; i < count; i++)
        if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
            names[kept++] = names[i];
    return kept;
}

static unsigned collect_names(const struct catalog *c, const char **names)
{
    unsigned count = 0;

    for (unsigned i = 0; i < c->member_count; i++)
        for (uint32_t at = 0; at < c->members[i]->name_count; at++)
            names[count++] = c->members[i]->names[at];
    map_each(at, &c->services)
    {
        const struct service *s = at->value;

        if (s->list && s->list->known)
            names[count++] = s->name;
    }
    return count;
}

unsigned catalog_names(struct catalog *c, const char *const **names)
{
    unsigned most = c->services.count;

    for (unsigned i = 0; i < c->member_count; i++)
        most += c->members[i]->name_count;
    free(c->names);
    c->names = calloc(most + 1, sizeof *c->names);
    *names = c->names;
    return c->names ? sort_unique(c->names, collect_names(c, c->names)) : 0;
}

bool catalog_names_are_here(const struct catalog *c)
{
    for (unsigned i = 0; i < c->member_count; i++) {
        const struct member *m = c->members[i];

        if (m->watching_names && !m->names)
            return false;
    }
    return true;
}

/* Registries. */

bool catalog_is_settled(const struct catalog *c)
{
    for (unsigned i = 0; i < c->member_count; i++)
        if (c->members[i]->asked && !c->members[i]->heard)
            return false;
    return true;
}

unsigned catalog_registry_count(const struct catalog *c)
{
    return c->member_count;
}

struct registry *catalog_registry(struct catalog *c, unsigned at)
{
    return c->members[at]->registry;
}

void catalog_registry_status(const struct catalog *c, unsigned at,
                             struct registry_status *out)
{
    const struct member *m = c->members[at];

    *out = (struct registry_status){.url = member_url(m),
                                    .heard = m->heard,
                                    .reachable = m->reachable || !m->heard,
                                    .since_ms = m->since_ms,
                                    .abilities = m->registry->abilities,
                                    .failures = m->failures};
    memcpy(out->error, m->error, sizeof out->error);
}
