/* One of the catalog's registries: opened, heard, failing, leaving. */
#include <stdlib.h>

#include "discovery/catalog_parts.h"
#include "sidecar/core/log.h"

enum { FIRST_MS = 1000, LAST_MS = 30 * 1000, LOCAL_LAST_MS = 2000, JITTER = 20 };
/* After so long an outage the first word of a registry ends the waiting of all who were to ask it again. */
enum { OUTAGE_MS = 3000, SPREAD_MS = 1000 };

static void on_names_retry(struct timer *t);

enum err member_open(struct member **out, struct catalog *c, const char *url,
                     struct why *w)
{
    struct member *m = calloc(1, sizeof *m);
    enum err e;

    if (!m)
        return ERR_NO_MEMORY;
    m->catalog = c;
    m->since_ms = loop_now(c->loop);
    list_init(&m->node);
    list_init(&m->orphans);
    timer_init(&m->names_retry, on_names_retry);
    e = registry_open(&m->registry, slice_of(url), c->loop, c->random,
                      &c->settings.environment, &catalog_frame, m, w);
    if (e) {
        free(m);
        return e;
    }
    *out = m;
    return ERR_OK;
}

const char *member_url(const struct member *m)
{
    return m->registry->url.text;
}

/* Asking this host itself costs nobody anything. */
uint64_t member_backoff(const struct member *m, unsigned failures)
{
    uint64_t last = member_can(m, REGISTRY_IS_LOCAL) ? LOCAL_LAST_MS : LAST_MS;
    uint64_t wait = failures < 5 ? (uint64_t)FIRST_MS << failures : LAST_MS;

    return random_jitter(m->catalog->random, wait < last ? wait : last, JITTER);
}

bool member_can(const struct member *m, enum registry_ability ability)
{
    return (m->registry->abilities & ability) != 0;
}

static void names_clear(struct member *m)
{
    for (uint32_t i = 0; i < m->name_count; i++)
        free(m->names[i]);
    free(m->names);
    m->names = NULL;
    m->name_count = 0;
}

static void on_closed(struct registry *r)
{
    struct member *m = r->frame_owner;
    struct catalog *c = m->catalog;

    list_each(at, after, &m->orphans) lease_free_orphan(at);
    list_remove(&m->node);
    names_clear(m);
    registry_free(r);
    free(m);
    catalog_end_if_done(c);
}

static void close_if_unused(struct member *m)
{
    if (!m->leaving || m->closing || m->slots > 0)
        return;
    m->closing = true;
    registry_close(m->registry, on_closed);
}

static void unwatch_names(struct member *m)
{
    if (m->watching_names)
        m->registry->ops->unwatch_names(m->registry);
    m->watching_names = false;
    timer_stop(&m->names_retry, &m->catalog->loop->clock);
}

void member_leave(struct member *m)
{
    m->leaving = true;
    unwatch_names(m);
    list_push_back(&m->catalog->leaving, &m->node);
    close_if_unused(m);
}

void member_unuse(struct member *m)
{
    m->slots--;
    close_if_unused(m);
}

void member_hasten(struct member *m, struct timer *t)
{
    struct clock *clock = &m->catalog->loop->clock;
    uint64_t wait = random_below(m->catalog->random, SPREAD_MS);

    if (!timer_active(t) || t->due <= clock_now(clock) + wait)
        return;
    timer_stop(t, clock);
    timer_start(t, clock, wait);
}

static void recovered(struct member *m)
{
    log_info("registry.recovered", "registry=%s", member_url(m));
    if (loop_now(m->catalog->loop) - m->since_ms < OUTAGE_MS)
        return;
    member_hasten(m, &m->names_retry);
    map_each(at, &m->catalog->services) service_hasten(at->value, m);
}

static void set_reachable(struct member *m, bool reachable)
{
    if (m->heard && m->reachable == reachable)
        return;
    if (reachable && m->heard)
        recovered(m);
    if (!reachable)
        log_warn("registry.failed", "registry=%s reason=\"%s\"", member_url(m), m->error);
    m->reachable = reachable;
    m->heard = true;
    m->since_ms = loop_now(m->catalog->loop);
}

void member_heard(struct member *m)
{
    set_reachable(m, true);
    m->error[0] = 0;
}

void member_failed(struct member *m, enum err e, const struct why *why)
{
    const char *text = why && why->text[0] ? why->text : err_text(e);

    log_quote(m->error, sizeof m->error, slice_of(text));
    m->failures++;
    set_reachable(m, false);
}

void member_watch_names(struct member *m)
{
    enum err e;

    if (!member_can(m, REGISTRY_LISTS_NAMES) || m->watching_names)
        return;
    m->asked = true;
    e = m->registry->ops->watch_names(m->registry);
    m->watching_names = !e;
    if (e)
        member_names_failed(m, e, NULL);
}

static void on_names_retry(struct timer *t)
{
    member_watch_names(container_of(t, struct member, names_retry));
}

void member_names_failed(struct member *m, enum err e, const struct why *why)
{
    struct catalog *c = m->catalog;

    unwatch_names(m);
    member_failed(m, e, why);
    timer_start(&m->names_retry, &c->loop->clock, member_backoff(m, m->names_failures++));
}

static void names_add(struct member *m, const char *name)
{
    if (!service_name_is_valid(slice_of(name)))
        return;
    m->names[m->name_count] = slice_dup(slice_of(name));
    m->name_count += m->names[m->name_count] != NULL;
}

void member_names(struct member *m, const char *const *names, uint32_t count)
{
    struct catalog *c = m->catalog;

    member_heard(m);
    m->names_failures = 0;
    names_clear(m);
    count = count < c->settings.names_limit ? count : c->settings.names_limit;
    m->names = calloc(count + 1, sizeof *m->names);
    for (uint32_t i = 0; m->names && i < count; i++)
        names_add(m, names[i]);
    if (c->events->names_changed)
        c->events->names_changed(c);
}
