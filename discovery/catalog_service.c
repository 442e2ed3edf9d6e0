/* One service: its sources, its present list, and when the next is told. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"
#include "sidecar/core/log.h"

enum { RECALL_MS = 250 };

static void on_publish(struct timer *t);

static struct clock *clock_of(struct service *s)
{
    return &s->catalog->loop->clock;
}

enum err service_new(struct service **out, struct catalog *c, struct slice name)
{
    struct service *s = calloc(1, sizeof *s);
    enum err e;

    if (!s)
        return ERR_NO_MEMORY;
    s->catalog = c;
    list_init(&s->sources);
    timer_init(&s->publish, on_publish);
    memcpy(s->name, name.base, name.size);
    e = map_put(&c->services, slice_of(s->name), s);
    if (!e)
        e = service_follow_members(s);
    if (e) {
        service_free(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

void service_free(struct service *s)
{
    timer_stop(&s->publish, clock_of(s));
    list_each(at, after, &s->sources) source_free(container_of(at, struct source, node));
    if (map_get(&s->catalog->services, slice_of(s->name)) == s)
        map_remove(&s->catalog->services, slice_of(s->name));
    instance_list_unref(s->list);
    free(s);
}

static void publish_within(struct service *s, uint64_t delay)
{
    if (!timer_active(&s->publish) || s->publish.due > clock_now(clock_of(s)) + delay)
        timer_start(&s->publish, clock_of(s), delay);
}

/* The first list is awaited by a request: at once. */
void service_touch(struct service *s)
{
    publish_within(s, s->list ? s->catalog->settings.coalesce_ms : 0);
}

void service_recalled(struct service *s)
{
    publish_within(s, RECALL_MS);
}

static struct source *source_of(struct service *s, const struct member *m)
{
    list_each(at, after, &s->sources)
    {
        struct source *source = container_of(at, struct source, node);

        if (source->member == m)
            return source;
    }
    return NULL;
}

static enum err add_missing(struct service *s)
{
    for (unsigned i = 0; i < s->catalog->member_count; i++) {
        struct member *m = s->catalog->members[i];
        struct source *source = source_of(s, m);

        if (source || !member_can(m, REGISTRY_RESOLVES))
            continue;
        source = source_new(s, m);
        if (!source)
            return ERR_NO_MEMORY;
        list_push_back(&s->sources, &source->node);
        source_watch(source);
    }
    return ERR_OK;
}

static void orphan_leaving(struct service *s)
{
    list_each(at, after, &s->sources)
    {
        struct source *source = container_of(at, struct source, node);

        if (source->member && source->member->leaving)
            source_orphan(source);
    }
}

static void sort_sources(struct service *s)
{
    for (unsigned i = s->catalog->member_count; i-- > 0;) {
        struct source *source = source_of(s, s->catalog->members[i]);

        if (!source)
            continue;
        list_remove(&source->node);
        list_push_front(&s->sources, &source->node);
    }
}

enum err service_follow_members(struct service *s)
{
    enum err e;

    orphan_leaving(s);
    e = add_missing(s);
    if (!e)
        sort_sources(s);
    return e;
}

void service_hasten(struct service *s, struct member *m)
{
    struct source *source = source_of(s, m);

    if (source && source->failing && !source->impossible)
        member_hasten(m, &source->timer);
}

static bool all_are(const struct service *s, bool (*claim)(const struct source *))
{
    list_each(at, after, &s->sources) if (!claim(container_of(at, struct source,
                                                              node))) return false;
    return true;
}

static void drop_orphans(struct service *s)
{
    bool settled = all_are(s, source_has_answered);

    list_each(at, after, &s->sources)
    {
        struct source *source = container_of(at, struct source, node);

        if (!source->member && (settled || instance_set_count(&source->kept) == 0))
            source_free(source);
    }
}

static void swap_list(struct service *s, struct instance_list *l)
{
    l->generation = ++s->catalog->generation;
    log_debug("service.changed", "service=%s instances=%u authority=%s", s->name,
              l->count, l->authority == LIST_CONFIRMED ? "confirmed" : "suspect");
    instance_list_unref(s->list);
    s->list = l;
    state_touch(s->catalog);
}

static void tell(struct service *s, struct instance_list *l)
{
    bool same = s->list && instance_lists_equal(s->list, l);
    bool tells = !same || s->announce;

    if (same)
        instance_list_unref(l);
    else
        swap_list(s, l);
    s->announce = false;
    if (tells)
        s->catalog->events->changed(s->catalog, s->list);
}

static void on_publish(struct timer *t)
{
    struct service *s = container_of(t, struct service, publish);
    struct instance_list *l;

    drop_orphans(s);
    l = catalog_merge(s, s->list);
    if (!l) {
        log_error("service.out_of_memory", "service=%s", s->name);
        timer_start(&s->publish, clock_of(s), 1000);
        return;
    }
    if (l->count > 0)
        s->had_ms = clock_now(clock_of(s));
    l->known = l->count > 0 || s->had_ms != 0;
    if (l->known || all_are(s, source_has_spoken))
        tell(s, l);
    else
        instance_list_unref(l);
}

static bool is_lingering(const struct service *s, uint64_t now)
{
    return s->had_ms && now - s->had_ms < s->catalog->settings.forget_ms;
}

/* Without the event, who holds on to the list would never hear of a next one. */
static bool may_go(const struct service *s, uint64_t now, uint64_t age_ms)
{
    return !s->had_ms && now - s->wanted_ms >= age_ms &&
           (s->catalog->events->forgotten || !s->list || s->list->references == 1);
}

static void forget(struct service *s)
{
    if (s->catalog->events->forgotten)
        s->catalog->events->forgotten(s->catalog, s->name);
    service_free(s);
}

static void sweep_empty(struct service *s, uint64_t now)
{
    if (s->had_ms && !is_lingering(s, now) && s->list->answered) {
        s->had_ms = 0;
        service_touch(s);
    }
}

void service_sweep(struct service *s, uint64_t now, uint64_t age_ms)
{
    if (s->list && s->list->count > 0)
        s->had_ms = now;
    else if (s->list)
        sweep_empty(s, now);
    if (may_go(s, now, age_ms)) /* perhaps no registry ever said a word of it */
        forget(s);
}
