/* Who watches a service is told what it has. */
#include <stdlib.h>

#include "discovery/nats_parts.h"

static struct nats_instance *instance_of(struct list *node)
{
    return container_of(node, struct nats_instance, node);
}

static const struct registry_frame *frame_of(struct nats_service *s)
{
    return s->nats->base.frame;
}

void nats_tell_changed(struct nats_service *s, const struct instance *i)
{
    list_each(node, after, &s->watches)
    {
        frame_of(s)->add(container_of(node, struct registry_watch, node), i);
    }
}

void nats_tell_gone(struct nats_service *s, const char *id)
{
    list_each(node, after, &s->watches)
    {
        frame_of(s)->remove(container_of(node, struct registry_watch, node), id);
    }
}

/* An array of all that are there: the caller's to free; their texts are lent. NULL: no memory. */
static struct instance *all_of(struct nats_service *s, uint32_t *count)
{
    struct instance *all = calloc(s->by_id.count + 1, sizeof *all);

    *count = 0;
    if (!all)
        return NULL;
    list_each(node, after, &s->instances)
    {
        if (nats_instance_is_there(instance_of(node)))
            all[(*count)++] = *instance_of(node)->copy->instances;
    }
    return all;
}

void nats_tell_all(struct nats_service *s, struct list *watches)
{
    uint32_t count;
    struct instance *all = all_of(s, &count);

    if (!all)
        return; /* the next round tries again */
    list_each(node, after, watches)
    {
        frame_of(s)->deliver(container_of(node, struct registry_watch, node), all, count,
                             LIST_CONFIRMED);
    }
    free(all);
}

void nats_join_watches(struct nats_service *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->fresh)))
        list_push_back(&s->watches, node);
}

void nats_tell_fresh(struct timer *t)
{
    struct nats_service *s = container_of(t, struct nats_service, tell);

    nats_tell_all(s, &s->fresh);
    nats_join_watches(s);
}
