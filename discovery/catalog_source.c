/* One registry's word on one service: what is believed, what is doubted, when to ask again. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"
#include "sidecar/core/log.h"

static void on_timer(struct timer *t);

static struct clock *clock_of(struct source *s)
{
    return &s->service->catalog->loop->clock;
}

struct source *source_new(struct service *service, struct member *m)
{
    struct source *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    list_init(&s->node);
    s->service = service;
    s->member = m;
    s->watch = (struct registry_watch){
        .service = service->name, .registry = m->registry, .owner = s};
    list_init(&s->watch.node);
    instance_set_init(&s->live, member_url(m));
    instance_set_init(&s->kept, NULL);
    timer_init(&s->timer, on_timer);
    return s;
}

static void unwatch(struct source *s)
{
    if (s->watching)
        s->member->registry->ops->unwatch(s->member->registry, &s->watch);
    s->watching = false;
}

void source_free(struct source *s)
{
    unwatch(s);
    timer_stop(&s->timer, clock_of(s));
    instance_set_fini(&s->live);
    instance_set_fini(&s->kept);
    list_remove(&s->node);
    free(s);
}

bool source_has_spoken(const struct source *s)
{
    return s->heard || s->failing || !s->member;
}

bool source_has_answered(const struct source *s)
{
    return (s->heard && !s->failing && !s->cut) || s->impossible || !s->member;
}

bool source_is_suspect(const struct source *s)
{
    if (instance_set_count(&s->kept) > 0)
        return true;
    return instance_set_count(&s->live) > 0 && s->authority == LIST_SUSPECT;
}

/* What is live becomes what was said once. */
static void keep_all(struct source *s)
{
    bool ignored = false;

    instance_set_replace(&s->live, NULL, 0, &s->kept, &ignored);
    if (!s->stale_since_wall_ms)
        s->stale_since_wall_ms = clock_wall_ms();
}

static void drop_kept(struct source *s)
{
    instance_set_clear(&s->kept);
    s->doubt = DOUBT_NONE;
    s->stale_since_wall_ms = 0;
    timer_stop(&s->timer, clock_of(s));
}

static void end_doubt_later(struct source *s)
{
    if (instance_set_count(&s->kept) == 0)
        drop_kept(s);
    else if (!timer_active(&s->timer))
        timer_start(&s->timer, clock_of(s), s->service->catalog->settings.suspect_ms);
}

static void retry_later(struct source *s)
{
    timer_stop(&s->timer, clock_of(s));
    timer_start(&s->timer, clock_of(s), member_backoff(s->member, s->failures++));
}

void source_failed(struct source *s, enum err e, const struct why *why)
{
    unwatch(s);
    keep_all(s);
    s->failing = true;
    s->impossible = e == ERR_UNSUPPORTED;
    if (!s->impossible)
        member_failed(s->member, e, why);
    retry_later(s);
    service_touch(s->service);
}

/* As after a failure, but for one that was ours. */
static void start_over(struct source *s)
{
    unwatch(s);
    keep_all(s);
    s->failing = true;
}

void source_watch(struct source *s)
{
    struct registry *r = s->member->registry;
    enum err e = r->ops->watch(r, &s->watch);

    s->watching = !e;
    s->cut = false;
    s->member->asked = true;
    if (e)
        source_failed(s, e, NULL);
}

void source_orphan(struct source *s)
{
    unwatch(s);
    keep_all(s);
    s->live.source = NULL;
    s->member = NULL;
    s->failing = s->cut = false;
    timer_stop(&s->timer, clock_of(s));
    end_doubt_later(s);
}

static void on_timer(struct timer *t)
{
    struct source *s = container_of(t, struct source, timer);

    if (s->cut)
        start_over(s);
    if (s->failing) {
        source_watch(s);
        return;
    }
    drop_kept(s);
    service_touch(s->service);
}

/* Returns whether this is the first word after a failure. */
static bool hear(struct source *s)
{
    bool recovering = s->failing;

    if (recovering)
        timer_stop(&s->timer, clock_of(s));
    s->heard = true;
    s->failing = s->impossible = false;
    s->failures = 0;
    member_heard(s->member);
    return recovering;
}

static bool shrank(struct source *s, const struct instance *instances, uint32_t count)
{
    uint32_t had = instance_set_count(&s->live) + instance_set_count(&s->kept);
    uint32_t lost = instance_set_missing(&s->live, instances, count) +
                    instance_set_missing(&s->kept, instances, count);

    return had > 0 && (count == 0 || lost > had / 2);
}

static void drop_returned(struct source *s)
{
    list_each(at, after,
              &s->kept.held) if (instance_set_has(&s->live, instance_held(at)->id))
        instance_set_remove(&s->kept, instance_held(at)->id);
}

/* Memory ran out. Who tells only of changes will not say this one again: it is asked for all. */
static void note_cut(struct source *s, enum err e)
{
    log_warn("registry.list_cut", "service=%s registry=%s reason=\"%s\"",
             s->service->name, member_url(s->member), err_text(e));
    s->cut = true;
}

static void watch_again_if_cut(struct source *s)
{
    if (s->cut)
        retry_later(s);
}

static void take(struct source *s, const struct instance *instances, uint32_t count,
                 struct instance_set *leavers)
{
    bool ignored = false;
    enum err e = instance_set_replace(&s->live, instances, count, leavers, &ignored);

    s->cut = false;
    if (e)
        note_cut(s, e);
}

static void doubt(struct source *s, enum doubt reason, const struct instance *instances,
                  uint32_t count)
{
    log_warn("registry.shrink_doubted", "service=%s registry=%s had=%u has=%u",
             s->service->name, member_url(s->member),
             instance_set_count(&s->live) + instance_set_count(&s->kept), count);
    s->doubt = reason;
    if (!s->stale_since_wall_ms)
        s->stale_since_wall_ms = clock_wall_ms();
    take(s, instances, count, &s->kept);
}

static bool repeats(struct source *s, const struct instance *instances, uint32_t count)
{
    return count == instance_set_count(&s->live) &&
           instance_set_missing(&s->live, instances, count) == 0;
}

static bool ends_doubt(struct source *s, const struct instance *instances, uint32_t count,
                       enum authority authority)
{
    if (s->doubt == DOUBT_AFTER_FAILURE || authority == LIST_SUSPECT)
        return s->doubt == DOUBT_NONE || repeats(s, instances, count);
    return true;
}

static enum doubt doubt_of(struct source *s, bool recovering, enum authority authority)
{
    if (recovering && !member_can(s->member, REGISTRY_REMEMBERS))
        return DOUBT_AFTER_FAILURE;
    if (authority == LIST_SUSPECT && s->doubt == DOUBT_NONE)
        return DOUBT_UNCONFIRMED;
    return DOUBT_NONE;
}

void source_deliver(struct source *s, const struct instance *instances, uint32_t count,
                    enum authority authority)
{
    enum doubt reason = doubt_of(s, hear(s), authority);

    s->authority = authority;
    if (reason != DOUBT_NONE && shrank(s, instances, count)) {
        doubt(s, reason, instances, count);
    } else {
        if (ends_doubt(s, instances, count, authority))
            drop_kept(s);
        take(s, instances, count, NULL);
    }
    drop_returned(s);
    end_doubt_later(s);
    watch_again_if_cut(s);
    service_touch(s->service);
}

void source_add(struct source *s, const struct instance *i)
{
    bool ignored = false;
    enum err e;

    hear(s);
    s->authority = LIST_CONFIRMED;
    e = instance_set_put(&s->live, i, &ignored);
    if (e)
        note_cut(s, e);
    else
        instance_set_remove(&s->kept, i->id);
    end_doubt_later(s);
    watch_again_if_cut(s);
    service_touch(s->service);
}

void source_remove(struct source *s, const char *id)
{
    hear(s);
    instance_set_remove(&s->live, id);
    instance_set_remove(&s->kept, id);
    end_doubt_later(s);
    service_touch(s->service);
}
