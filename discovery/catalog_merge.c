/* The union of what the sources say, and each instance's stable place in it. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"

struct merge {
    const struct service *service;
    const struct instance_list *before;
    struct instance *found; /* texts are the sources' */
    uint32_t count;
    struct map ids;
    struct map addresses; /* of earlier sources: the same place, registered twice */
    bool several;
    unsigned char *taken; /* places of the list */
    enum err failed;
};

/* The bytes that tell two addresses apart: port, flow and scope are neighbours of the IP. */
static struct slice address_key(const struct address *a)
{
    switch (a->any.sa_family) {
    case AF_INET:
        return slice_from((const char *)&a->v4.sin_port,
                          sizeof a->v4.sin_port + sizeof a->v4.sin_addr);
    case AF_INET6:
        return slice_from((const char *)&a->v6.sin6_port,
                          sizeof a->v6 - offsetof(struct sockaddr_in6, sin6_port));
    default:
        return slice_from(a->path.sun_path, sizeof a->path.sun_path);
    }
}

static void put(struct merge *m, struct map *map, struct slice key,
                const struct instance *i)
{
    enum err e = map_put(map, key, (void *)i);

    m->failed = m->failed ? m->failed : e;
}

static void take(struct merge *m, const struct instance *i)
{
    if (map_get(&m->ids, slice_of(i->id)))
        return;
    if (m->several && map_get(&m->addresses, address_key(&i->address)))
        return;
    put(m, &m->ids, slice_of(i->id), i);
    m->found[m->count++] = *i;
}

/* Two ids at one address within one registry are two: only another registry repeats. */
static void close_source(struct merge *m, uint32_t from)
{
    for (uint32_t i = from; m->several && i < m->count; i++)
        put(m, &m->addresses, address_key(&m->found[i].address), &m->found[i]);
}

static void take_source(struct merge *m, const struct source *s)
{
    uint32_t from = m->count;

    list_each(at, after, &s->live.held) take(m, instance_held(at));
    list_each(at, after, &s->kept.held) take(m, instance_held(at));
    close_source(m, from);
}

static uint32_t room(struct merge *m)
{
    uint32_t total = 0;
    unsigned sources = 0;

    list_each(at, after, &m->service->sources)
    {
        struct source *s = container_of(at, struct source, node);
        uint32_t count = instance_set_count(&s->live) + instance_set_count(&s->kept);

        total += count;
        sources += count > 0;
    }
    m->several = sources > 1;
    return total;
}

static void place(struct merge *m, struct instance *i, uint32_t at)
{
    i->index = at;
    m->taken[at] = 1;
}

/* An instance of the list before keeps its place. */
static void keep_places(struct merge *m)
{
    struct map before = {0};

    for (uint32_t i = 0; m->before && i < m->before->count; i++)
        put(m, &before, slice_of(m->before->instances[i].id), &m->before->instances[i]);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct instance *old = map_get(&before, slice_of(m->found[i].id));

        m->found[i].index = UINT32_MAX;
        if (old)
            place(m, &m->found[i], old->index);
    }
    map_fini(&before);
}

static void fill_holes(struct merge *m)
{
    uint32_t hole = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        if (m->found[i].index != UINT32_MAX)
            continue;
        while (m->taken[hole])
            hole++;
        place(m, &m->found[i], hole);
    }
}

static int by_index(const void *a, const void *b)
{
    const struct instance *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static void describe(struct instance_list *l, const struct service *s)
{
    l->authority = LIST_CONFIRMED;
    l->answered = true;
    l->known = l->count > 0 || s->had_ms != 0;
    list_each(at, after, &s->sources)
    {
        const struct source *source = container_of(at, struct source, node);
        uint64_t stale = source->stale_since_wall_ms;

        if (!source_has_answered(source))
            l->answered = false;
        if (!source_is_suspect(source))
            continue;
        l->authority = LIST_SUSPECT;
        if (!l->stale_since_wall_ms || stale < l->stale_since_wall_ms)
            l->stale_since_wall_ms = stale;
    }
}

static struct instance_list *build(struct merge *m)
{
    struct instance_list *l;

    list_each(at, after, &m->service->sources)
    {
        take_source(m, container_of(at, struct source, node));
        if (m->count > 0 && m->service->catalog->settings.first_only)
            break;
    }
    keep_places(m);
    if (m->failed)
        return NULL;
    fill_holes(m);
    qsort(m->found, m->count, sizeof *m->found, by_index);
    l = instance_list_new(m->service->name, m->found, m->count);
    if (l)
        describe(l, m->service);
    return l;
}

struct instance_list *catalog_merge(const struct service *s,
                                    const struct instance_list *before)
{
    struct merge m = {.service = s, .before = before};
    struct instance_list *l = NULL;
    uint32_t most = room(&m);

    m.found = calloc(most + 1, sizeof *m.found);
    m.taken = calloc(most + (before ? before->places : 0) + 1, 1);
    if (m.found && m.taken)
        l = build(&m);
    map_fini(&m.ids);
    map_fini(&m.addresses);
    free(m.found);
    free(m.taken);
    return l;
}

bool instance_lists_equal(const struct instance_list *a, const struct instance_list *b)
{
    if (a->count != b->count || a->authority != b->authority || a->known != b->known ||
        a->answered != b->answered || a->stale_since_wall_ms != b->stale_since_wall_ms)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->instances[i].index != b->instances[i].index ||
            !instance_equals(&a->instances[i], &b->instances[i]))
            return false;
    return true;
}
