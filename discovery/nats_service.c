/* One watched service. */
#include <stdlib.h>

#include "discovery/nats_parts.h"

static const struct nats_round_events round_events;

static struct clock *clock_of(struct nats_service *s)
{
    return nats_registry_clock(s->nats);
}

static struct nats_instance *instance_of(struct list *node)
{
    return container_of(node, struct nats_instance, node);
}

static const struct instance *said(const struct nats_instance *x)
{
    return x->copy->instances;
}

static bool is_there(const struct nats_instance *x)
{
    return x->withdrawn_until == 0;
}

/* --- telling --- */

static const struct registry_frame *frame_of(struct nats_service *s)
{
    return s->nats->base.frame;
}

static void tell_changed(struct nats_service *s, const struct instance *i)
{
    list_each(node, after, &s->watches)
    {
        frame_of(s)->add(container_of(node, struct registry_watch, node), i);
    }
}

static void tell_gone(struct nats_service *s, const char *id)
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
        if (is_there(instance_of(node)))
            all[(*count)++] = *said(instance_of(node));
    }
    return all;
}

static void deliver_to(struct nats_service *s, struct list *watches)
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

static void join_watches(struct nats_service *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->fresh)))
        list_push_back(&s->watches, node);
}

static void on_tell(struct timer *t)
{
    struct nats_service *s = container_of(t, struct nats_service, tell);

    deliver_to(s, &s->fresh);
    join_watches(s);
}

/* --- instances --- */

static struct nats_instance *find(struct nats_service *s, const char *id)
{
    return map_get(&s->by_id, slice_of(id));
}

static void instance_free(struct nats_service *s, struct nats_instance *x)
{
    map_remove(&s->by_id, slice_of(said(x)->id));
    list_remove(&x->node);
    instance_list_unref(x->copy);
    free(x);
    s->nats->instances--;
}

static struct nats_instance *instance_new(struct nats_service *s,
                                          const struct instance *i)
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
    s->nats->instances++;
    return x;
}

/* Whether there was a difference. The map's key goes with the copy. */
static bool replace(struct nats_service *s, struct nats_instance *x,
                    const struct instance *i)
{
    struct instance_list *copy;

    if (instance_equals(said(x), i) && strcmp(said(x)->id, i->id) == 0)
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

static void forget_heartbeat(struct nats_instance *x)
{
    x->announced_at = x->gap_ms = x->heartbeat_ms = 0;
}

static void touch(struct nats_service *s, struct nats_instance *x, bool is_announcement)
{
    x->heard = ++s->nats->sequence;
    x->heard_at = loop_now(s->nats->base.loop);
    x->misses = 0;
    if (is_announcement)
        learn_heartbeat(x, x->heard_at);
}

/* After a failure the first list must be a whole one, or nobody could tell that it is short. */
static bool may_tell(const struct nats_service *s)
{
    return s->is_known || !s->nats->has_failed;
}

static void tell_early(struct nats_service *s, const struct instance *i)
{
    if (may_tell(s))
        tell_changed(s, i);
}

static bool is_answer_of_a_leaver(struct nats_service *s, const struct nats_instance *x,
                                  bool is_announcement)
{
    return !is_announcement && x->withdrawn_until > loop_now(s->nats->base.loop);
}

static void hear_known(struct nats_service *s, struct nats_instance *x,
                       const struct instance *i, bool is_announcement)
{
    bool is_back = !is_there(x);

    if (is_answer_of_a_leaver(s, x, is_announcement))
        return;
    x->withdrawn_until = 0;
    touch(s, x, is_announcement);
    if (replace(s, x, i) || is_back)
        tell_early(s, said(x));
}

void nats_service_hear(struct nats_service *s, const struct instance *i,
                       bool is_announcement)
{
    struct nats_instance *x = find(s, i->id);

    if (x) {
        hear_known(s, x, i, is_announcement);
        return;
    }
    if (s->nats->instances >= NATS_INSTANCES_LIMIT) {
        nats_complain(s->nats, s->nats->watch_subject, slice_of(s->name),
                      "there are too many instances");
        return;
    }
    x = instance_new(s, i);
    if (!x)
        return; /* it will be heard again */
    touch(s, x, is_announcement);
    tell_early(s, said(x));
}

void nats_service_forget(struct nats_service *s, const char *id)
{
    struct nats_instance *x = find(s, id);

    if (!x)
        return;
    forget_heartbeat(x);
    if (is_there(x) && may_tell(s))
        tell_gone(s, id);
    x->withdrawn_until = loop_now(s->nats->base.loop) + NATS_WITHDRAWN_MS;
}

/* --- rounds --- */

static uint64_t interval(const struct nats *n)
{
    uint64_t own = nats_records_heartbeat(n);
    uint64_t ms = own < n->query_interval_ms ? own : n->query_interval_ms;

    return ms > NATS_RECHECK_MS ? ms : NATS_RECHECK_MS;
}

/* When this one has been silent for too long, by its own measure. */
static uint64_t patience_with(const struct nats_instance *x, uint64_t now)
{
    uint64_t due = x->heard_at + NATS_HEARTBEATS_MISSED * x->heartbeat_ms;

    if (!is_there(x) || !x->heartbeat_ms)
        return UINT64_MAX;
    return due > now ? due - now : 0;
}

static uint64_t next_round(struct nats_service *s)
{
    uint64_t now = loop_now(s->nats->base.loop);
    uint64_t ms = random_jitter(s->nats->base.random, interval(s->nats), 10);

    if (s->is_doubted)
        ms = 0;
    list_each(node, after, &s->instances)
    {
        const struct nats_instance *x = instance_of(node);
        uint64_t patience = x->misses ? 0 : patience_with(x, now);

        ms = patience < ms ? patience : ms;
    }
    return ms > NATS_RECHECK_MS ? ms : NATS_RECHECK_MS;
}

static enum err ask(struct nats_round *r)
{
    struct nats_service *s = container_of(r, struct nats_service, round);

    s->is_doubted = false;
    return nats_query(s->nats, s->name);
}

/* Shortly after we have a connection again others may not have theirs yet. */
static bool may_be_on_its_way_back(const struct nats *n, const struct nats_instance *x)
{
    return x->heard_at < n->connected_at &&
           loop_now(n->base.loop) - n->connected_at < NATS_SETTLE_MS;
}

static void judge(struct nats_service *s, struct nats_instance *x)
{
    if (!is_there(x) && x->withdrawn_until > loop_now(s->nats->base.loop))
        return;
    if (is_there(x) && x->heard > s->round.asked)
        return;
    if (is_there(x) && (may_be_on_its_way_back(s->nats, x) || ++x->misses < NATS_MISSES))
        return;
    instance_free(s, x);
}

static void collected(struct nats_round *r)
{
    struct nats_service *s = container_of(r, struct nats_service, round);

    list_each(node, after, &s->instances)
    {
        judge(s, instance_of(node));
    }
    s->is_known = true;
    join_watches(s);
    timer_stop(&s->tell, clock_of(s));
    nats_round_after(r, next_round(s));
    deliver_to(s, &s->watches);
}

void nats_service_doubt(struct nats_service *s)
{
    s->is_doubted = true;
    nats_round_after(&s->round, 0);
}

/* --- failures --- */

/* The frame calls unwatch() from inside failed(): with the last one the service goes. */
static void take_all(struct nats_service *s, struct list *into)
{
    struct list *node;

    join_watches(s);
    while ((node = list_pop_front(&s->watches)))
        list_push_back(into, node);
}

static void fail(struct nats *n, struct list *watches, enum err e, const struct why *why)
{
    struct list *node;

    n->has_failed = true;
    while ((node = list_pop_front(watches)))
        n->base.frame->failed(container_of(node, struct registry_watch, node), e, why);
}

static void refused(struct nats_round *r, const struct why *why)
{
    struct nats_service *s = container_of(r, struct nats_service, round);
    struct list all;

    list_init(&all);
    take_all(s, &all);
    fail(s->nats, &all, ERR_DENIED, why);
}

void nats_services_fail(struct nats *n, enum err e, const struct why *why)
{
    struct list all;

    list_init(&all);
    map_each(at, &n->services)
    {
        take_all(at->value, &all);
    }
    fail(n, &all, e, why);
}

/* What was collected may not be all. */
void nats_services_lost(struct nats *n)
{
    map_each(at, &n->services)
    {
        nats_round_stop(&((struct nats_service *)at->value)->round);
    }
}

/* Creates may have been missed: who has left may be back. */
static void trust_answers(struct nats_service *s)
{
    uint64_t now = loop_now(s->nats->base.loop);

    list_each(node, after, &s->instances)
    {
        struct nats_instance *x = instance_of(node);

        x->withdrawn_until = is_there(x) ? 0 : now;
        forget_heartbeat(x);
    }
}

void nats_services_connected(struct nats *n)
{
    map_each(at, &n->services)
    {
        struct nats_service *s = at->value;

        trust_answers(s);
        nats_round_after(&s->round, 0);
    }
}

/* --- life --- */

static const struct nats_round_events round_events = {
    .ask = ask, .collected = collected, .refused = refused};

static struct nats_service *service_new(struct nats *n, const char *name)
{
    struct nats_service *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->nats = n;
    s->name = slice_dup(slice_of(name));
    if (!s->name || map_put(&n->services, slice_of(s->name), s)) {
        free(s->name);
        free(s);
        return NULL;
    }
    list_init(&s->watches);
    list_init(&s->fresh);
    list_init(&s->instances);
    timer_init(&s->tell, on_tell);
    nats_round_init(&s->round, n, &round_events);
    return s;
}

static void service_free(struct nats_service *s)
{
    nats_round_stop(&s->round);
    timer_stop(&s->tell, clock_of(s));
    while (!list_empty(&s->instances))
        instance_free(s, instance_of(s->instances.next));
    map_fini(&s->by_id);
    map_remove(&s->nats->services, slice_of(s->name));
    free(s->name);
    free(s);
}

static void answer_soon(struct nats_service *s)
{
    if (s->is_known)
        timer_start(&s->tell, clock_of(s), 0);
    else if (!timer_active(&s->round.timer))
        nats_round_after(&s->round, 0);
}

enum err nats_watch(struct registry *r, struct registry_watch *w)
{
    struct nats *n = nats_of(r);
    struct nats_service *s = map_get(&n->services, slice_of(w->service));

    if (!s)
        s = service_new(n, w->service);
    if (!s)
        return ERR_NO_MEMORY;
    nats_listen(n);
    w->backend = s;
    s->watch_count++;
    list_push_back(s->is_known ? &s->fresh : &s->watches, &w->node);
    if (nats_client_is_connected(n->client))
        answer_soon(s);
    else
        nats_wait(n);
    return ERR_OK;
}

void nats_unwatch(struct registry *r, struct registry_watch *w)
{
    struct nats_service *s = w->backend;

    (void)r;
    list_remove(&w->node);
    w->backend = NULL;
    if (--s->watch_count == 0)
        service_free(s);
}

void nats_services_close(struct nats *n)
{
    while (n->services.count > 0) {
        map_each(at, &n->services)
        {
            service_free(at->value);
            break;
        }
    }
    map_fini(&n->services);
}
