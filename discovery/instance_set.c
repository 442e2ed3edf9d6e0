#include "discovery/instance_set.h"

#include <stdlib.h>

void instance_set_init(struct instance_set *s, const char *source)
{
    *s = (struct instance_set){.source = source};
    list_init(&s->held);
}

void instance_set_fini(struct instance_set *s)
{
    instance_set_clear(s);
    map_fini(&s->by_id);
}

static struct instance_held *find(const struct instance_set *s, const char *id)
{
    return map_get(&s->by_id, slice_of(id));
}

static void held_free(struct instance_held *h)
{
    list_remove(&h->node);
    instance_list_unref(h->copy);
    free(h);
}

/* The map's key is lent by the copy, so it changes with it. */
static enum err held_change(struct instance_set *s, struct instance_held *h,
                            struct instance_list *copy)
{
    enum err e = map_put(&s->by_id, slice_of(copy->instances->id), h);

    instance_list_unref(e ? copy : h->copy);
    if (!e)
        h->copy = copy;
    return e;
}

static enum err held_add(struct instance_set *s, struct instance_list *copy)
{
    struct instance_held *h = malloc(sizeof *h);
    enum err e = h ? map_put(&s->by_id, slice_of(copy->instances->id), h) : ERR_NO_MEMORY;

    if (e) {
        free(h);
        instance_list_unref(copy);
        return e;
    }
    *h = (struct instance_held){.copy = copy, .stamp = s->stamp};
    list_push_back(&s->held, &h->node);
    return ERR_OK;
}

static enum err put(struct instance_set *s, struct instance *i, bool *changed)
{
    struct instance_held *h = find(s, i->id);
    struct instance_list *copy;

    if (h)
        h->stamp = s->stamp;
    if (h && instance_equals(h->copy->instances, i))
        return ERR_OK;
    if (!h && instance_set_count(s) >= SERVICE_INSTANCES_LIMIT)
        return ERR_TOO_LARGE;
    if (h)
        i->index = h->copy->instances->index;
    copy = instance_list_new(NULL, i, 1);
    if (!copy)
        return ERR_NO_MEMORY;
    *changed = true;
    return h ? held_change(s, h, copy) : held_add(s, copy);
}

enum err instance_set_put(struct instance_set *s, const struct instance *i, bool *changed)
{
    struct instance labelled = *i;

    labelled.source = s->source ? s->source : i->source;
    return put(s, &labelled, changed);
}

bool instance_set_remove(struct instance_set *s, const char *id)
{
    struct instance_held *h = map_remove(&s->by_id, slice_of(id));

    if (h)
        held_free(h);
    return h != NULL;
}

bool instance_set_has(const struct instance_set *s, const char *id)
{
    return find(s, id) != NULL;
}

void instance_set_clear(struct instance_set *s)
{
    list_each(at, after, &s->held) instance_set_remove(s, instance_held(at)->id);
}

uint32_t instance_set_missing(struct instance_set *s, const struct instance *instances,
                              uint32_t count)
{
    uint32_t found = 0;

    s->stamp++;
    for (uint32_t i = 0; i < count; i++) {
        struct instance_held *h = find(s, instances[i].id);

        found += h && h->stamp != s->stamp;
        if (h)
            h->stamp = s->stamp;
    }
    return instance_set_count(s) - found;
}

/* One that cannot be kept for want of memory goes: there is nowhere to say so. */
static void leave(struct instance_set *s, struct instance_held *h,
                  struct instance_set *leavers)
{
    bool ignored = false;

    if (leavers)
        instance_set_put(leavers, h->copy->instances, &ignored);
    instance_set_remove(s, h->copy->instances->id);
}

enum err instance_set_replace(struct instance_set *s, const struct instance *instances,
                              uint32_t count, struct instance_set *leavers, bool *changed)
{
    enum err first = ERR_OK;

    s->stamp++;
    for (uint32_t i = 0; i < count; i++) {
        enum err e = instance_set_put(s, &instances[i], changed);

        first = first ? first : e;
    }
    list_each(at, after, &s->held)
    {
        struct instance_held *h = container_of(at, struct instance_held, node);

        if (h->stamp == s->stamp)
            continue;
        leave(s, h, leavers);
        *changed = true;
    }
    return first;
}
