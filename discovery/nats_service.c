/* One watched service. */
#include <stdlib.h>

#include "discovery/nats_parts.h"

static const struct nats_round_events round_events;
static void plan(struct nats_service *s);

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

/* --- instances --- */

static struct nats_instance *find(struct nats_service *s, const char *id)
{
    return map_get(&s->by_id, slice_of(id));
}

/* After a failure the first list must be a whole one, or nobody could tell that it is short. */
static bool may_tell(const struct nats_service *s)
{
    return s->is_known || !s->nats->has_failed;
}

static void tell_early(struct nats_service *s, const struct instance *i)
{
    if (may_tell(s))
        nats_tell_changed(s, i);
}

static bool is_answer_of_a_leaver(struct nats_service *s, const struct nats_instance *x,
                                  bool is_announcement)
{
    return !is_announcement && x->withdrawn_until > loop_now(s->nats->base.loop);
}

static void hear_known(struct nats_service *s, struct nats_instance *x,
                       const struct instance *i, bool is_announcement)
{
    bool is_back = !nats_instance_is_there(x);

    if (is_answer_of_a_leaver(s, x, is_announcement))
        return;
    x->withdrawn_until = 0;
    if (is_back)
        x->came_at = loop_now(s->nats->base.loop);
    nats_instance_touch(s, x, is_announcement);
    if (nats_instance_take(s, x, i) || is_back)
        tell_early(s, said(x));
    if (is_back)
        plan(s);
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
    x = nats_instance_new(s, i);
    if (!x)
        return; /* it will be heard again */
    nats_instance_touch(s, x, is_announcement);
    tell_early(s, said(x));
    plan(s);
}

void nats_service_forget(struct nats_service *s, const char *id)
{
    struct nats_instance *x = find(s, id);

    if (!x)
        return;
    nats_instance_forget_heartbeat(x);
    if (nats_instance_is_there(x) && may_tell(s))
        nats_tell_gone(s, id);
    x->withdrawn_until = loop_now(s->nats->base.loop) + NATS_WITHDRAWN_MS;
}

/* --- rounds --- */

static uint64_t interval(const struct nats *n)
{
    uint64_t own = nats_records_heartbeat(n);
    uint64_t ms = own < n->query_interval_ms ? own : n->query_interval_ms;

    return ms > NATS_RECHECK_MS ? ms : NATS_RECHECK_MS;
}

static uint64_t due(const struct nats_service *s)
{
    uint64_t least = s->is_doubted ? 0 : s->interval_due;

    list_each(node, after, &s->instances)
    {
        uint64_t at = nats_instance_due(s, instance_of(node));

        least = at < least ? at : least;
    }
    return least;
}

/* Not from what strangers say more often than is decent. */
static uint64_t wait(struct nats_round *r)
{
    struct nats_service *s = container_of(r, struct nats_service, round);
    uint64_t now = loop_now(s->nats->base.loop);
    uint64_t decent = r->asked_at ? r->asked_at + NATS_RECHECK_MS : 0;
    uint64_t at = due(s);

    at = at > decent ? at : decent;
    return at > now ? at - now : 0;
}

static void plan(struct nats_service *s)
{
    if (s->is_known)
        nats_round_after(&s->round, wait(&s->round));
}

static enum err ask(struct nats_round *r)
{
    struct nats_service *s = container_of(r, struct nats_service, round);

    s->is_doubted = false;
    return nats_query(s->nats, s->name);
}

static void collected(struct nats_round *r)
{
    struct nats_service *s = container_of(r, struct nats_service, round);

    list_each(node, after, &s->instances)
    {
        if (nats_instance_is_gone(s, instance_of(node)))
            nats_instance_free(s, instance_of(node));
    }
    s->is_known = true;
    nats_join_watches(s);
    timer_stop(&s->tell, clock_of(s));
    s->interval_due = loop_now(s->nats->base.loop) +
                      random_jitter(s->nats->base.random, interval(s->nats), 10);
    plan(s);
    nats_tell_all(s, &s->watches);
}

void nats_service_doubt(struct nats_service *s)
{
    s->is_doubted = true;
    plan(s);
}

/* --- failures --- */

/* The frame calls unwatch() from inside failed(): with the last one the service goes. */
static void take_all(struct nats_service *s, struct list *into)
{
    struct list *node;

    nats_join_watches(s);
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

        x->withdrawn_until = nats_instance_is_there(x) ? 0 : now;
        nats_instance_forget_heartbeat(x);
    }
}

void nats_services_connected(struct nats *n)
{
    map_each(at, &n->services)
    {
        struct nats_service *s = at->value;

        trust_answers(s);
        s->interval_due = 0;
        nats_round_after(&s->round, 0);
    }
}

/* --- life --- */

static const struct nats_round_events round_events = {
    .wait = wait, .ask = ask, .collected = collected, .refused = refused};

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
    timer_init(&s->tell, nats_tell_fresh);
    nats_round_init(&s->round, n, &round_events);
    return s;
}

static void service_free(struct nats_service *s)
{
    nats_round_stop(&s->round);
    timer_stop(&s->tell, clock_of(s));
    while (!list_empty(&s->instances))
        nats_instance_free(s, instance_of(s->instances.next));
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
