/* One instance: what it said, when it was heard, when it is overdue, and when it is gone. */
#include <stdlib.h>

#include "discovery/nats_parts.h"

static const struct instance *said(const struct nats_instance *x)
{
    return x->copy->instances;
}

void nats_instance_free(struct nats_service *s, struct nats_instance *x)
{
    map_remove(&s->by_id, slice_of(said(x)->id));
    list_remove(&x->node);
    instance_list_unref(x->copy);
    free(x);
    s->nats->instances--;
}

struct nats_instance *nats_instance_new(struct nats_service *s, const struct instance *i)
{
    struct nats_instance *x = calloc(1, sizeof *x);

    if (!x)
        return NULL;
    x->copy = instance_list_new(s->name, i, 1);
    if (!x->copy || map_put(&s->by_id, slice_of(said(x)->id), x)) {
        if (x->copy)
            instance_list_unref(x->copy);
        free(x);
        return NULL;
    }
    list_push_back(&s->instances, &x->node);
    x->came_at = loop_now(s->nats->base.loop);
    s->nats->instances++;
    return x;
}

/* Whether there was a difference. The map's key goes with the copy. */
bool nats_instance_take(struct nats_service *s, struct nats_instance *x,
                        const struct instance *i)
{
    struct instance_list *copy;

    if (instance_equals(said(x), i))
        return false;
    copy = instance_list_new(s->name, i, 1);
    if (!copy)
        return false;
    if (map_put(&s->by_id, slice_of(copy->instances->id), x)) {
        instance_list_unref(copy);
        return false;
    }
    instance_list_unref(x->copy);
    x->copy = copy;
    return true;
}

/* The longer of the last two gaps: now and then one says it twice. */
static void learn_heartbeat(struct nats_instance *x, uint64_t now)
{
    uint64_t gap = x->announced_at ? now - x->announced_at : 0;

    x->heartbeat_ms = x->gap_ms && gap ? (gap > x->gap_ms ? gap : x->gap_ms) : 0;
    x->gap_ms = gap;
    x->announced_at = now;
}

void nats_instance_forget_heartbeat(struct nats_instance *x)
{
    x->announced_at = x->gap_ms = x->heartbeat_ms = 0;
}

void nats_instance_touch(struct nats_service *s, struct nats_instance *x,
                         bool is_announcement)
{
    x->heard = ++s->nats->sequence;
    x->heard_at = loop_now(s->nats->base.loop);
    x->misses = 0;
    if (is_announcement)
        learn_heartbeat(x, x->heard_at);
}

/* When this one will have been silent for too long, by its own measure: its heartbeat or, while that is unknown, its
 * age when it was asked last. Who has just come may go as soon. */
uint64_t nats_instance_due(const struct nats_service *s, const struct nats_instance *x)
{
    uint64_t asked = s->round.asked_at;

    if (!nats_instance_is_there(x))
        return UINT64_MAX;
    if (x->misses > 0)
        return 0;
    if (x->heartbeat_ms)
        return x->heard_at + NATS_HEARTBEATS_MISSED * x->heartbeat_ms;
    return asked > x->came_at ? asked + (asked - x->came_at) : x->came_at;
}

/* Shortly after we have a connection again others may not have theirs yet. */
static bool may_be_on_its_way_back(const struct nats *n, const struct nats_instance *x)
{
    return x->heard_at < n->connected_at &&
           loop_now(n->base.loop) - n->connected_at < NATS_SETTLE_MS;
}

bool nats_instance_is_gone(struct nats_service *s, struct nats_instance *x)
{
    if (!nats_instance_is_there(x))
        return x->withdrawn_until <= loop_now(s->nats->base.loop);
    if (x->heard > s->round.asked || may_be_on_its_way_back(s->nats, x))
        return false;
    return ++x->misses >= NATS_MISSES;
}
