/* The union of what the sources say, and each instance's stable place in it. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"

/* An instance is here a list of one, its source's, of which the new list borrows. Nobody but us reads the `index` of such
 * a one: it is the place in the last list, to find it again without a search. */
struct merge {
    const struct service *service;
    const struct instance_list *before;
    struct instance_list **found;
    uint32_t count;
    struct instance_list **places; /* who has which of the list */
    bool several;                  /* an id may be told twice */
    bool several_sources;          /* and so may an address */
    struct map ids;
    struct map addresses; /* of earlier sources: the same place, registered twice */
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

static void put(struct merge *m, struct map *map, struct slice key, void *value)
{
    enum err e = map_put(map, key, value);

    m->failed = m->failed ? m->failed : e;
}

static void take(struct merge *m, struct instance_list *one)
{
    const struct instance *i = one->instances;

    if (m->several && map_get(&m->ids, slice_of(i->id)))
        return;
    if (m->several_sources && map_get(&m->addresses, address_key(&i->address)))
        return;
    if (m->several)
        put(m, &m->ids, slice_of(i->id), one);
    m->found[m->count++] = one;
}

/* Two ids at one address within one registry are two: only another registry repeats. */
static void close_source(struct merge *m, uint32_t from)
{
    for (uint32_t i = from; m->several_sources && i < m->count; i++)
        put(m, &m->addresses, address_key(&m->found[i]->instances->address), m->found[i]);
}

static void take_source(struct merge *m, const struct source *s)
{
    uint32_t from = m->count;

    list_each(at, after, &s->live.held) take(m, instance_held_list(at));
    list_each(at, after, &s->kept.held) take(m, instance_held_list(at));
    close_source(m, from);
}

static uint32_t room(struct merge *m)
{
    uint32_t total = 0;
    unsigned sources = 0, sets = 0;

    list_each(at, after, &m->service->sources)
    {
        struct source *s = container_of(at, struct source, node);
        uint32_t live = instance_set_count(&s->live), kept = instance_set_count(&s->kept);

        total += live + kept;
        sets += (live > 0) + (kept > 0);
        sources += live + kept > 0;
    }
    m->several = sets > 1;
    m->several_sources = sources > 1;
    return total;
}

static void place(struct merge *m, struct instance_list *one, uint32_t at)
{
    one->instances->index = at;
    m->places[at] = one;
}

static int by_index(const void *index, const void *instance)
{
    uint32_t x = *(const uint32_t *)index, y = ((const struct instance *)instance)->index;

    return x < y ? -1 : x > y;
}

static const struct instance *at_place(const struct instance_list *l, uint32_t index)
{
    if (index < l->count && l->instances[index].index == index) /* no holes below it */
        return &l->instances[index];
    return bsearch(&index, l->instances, l->count, sizeof *l->instances, by_index);
}

static bool remembers_place(const struct merge *m, const struct instance *i)
{
    const struct instance *old = at_place(m->before, i->index);

    return old && (old->id == i->id || strcmp(old->id, i->id) == 0);
}

/* For those that come back, or from another registry: they had a place, and were made anew. */
static void search_places(struct merge *m)
{
    struct map before = {0};

    for (uint32_t i = 0; i < m->before->count; i++) {
        struct instance *old = &m->before->instances[i];

        put(m, &before, slice_of(old->id), old);
    }
    for (uint32_t i = 0; i < m->count; i++) {
        struct instance *one = m->found[i]->instances;
        const struct instance *old =
            one->index == UINT32_MAX ? map_get(&before, slice_of(one->id)) : NULL;

        if (old)
            place(m, m->found[i], old->index);
    }
    map_fini(&before);
}

/* An instance of the list before keeps its place. */
static void keep_places(struct merge *m)
{
    bool all = true;

    for (uint32_t i = 0; i < m->count; i++) {
        struct instance *one = m->found[i]->instances;

        if (m->before && remembers_place(m, one)) {
            place(m, m->found[i], one->index);
            continue;
        }
        one->index = UINT32_MAX;
        all = false;
    }
    if (m->before && !all)
        search_places(m);
}

static void fill_holes(struct merge *m)
{
    uint32_t hole = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        if (m->found[i]->instances->index != UINT32_MAX)
            continue;
        while (m->places[hole])
            hole++;
        place(m, m->found[i], hole);
    }
}

static void sort_by_place(struct merge *m)
{
    for (uint32_t at = 0, i = 0; i < m->count; at++)
        if (m->places[at])
            m->found[i++] = m->places[at];
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
    sort_by_place(m);
    l = instance_list_borrow(m->service->name, m->found, m->count);
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
    m.places = calloc(most + (before ? before->places : 0) + 1, sizeof *m.places);
    if (m.found && m.places)
        l = build(&m);
    map_fini(&m.ids);
    map_fini(&m.addresses);
    free(m.found);
    free(m.places);
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
