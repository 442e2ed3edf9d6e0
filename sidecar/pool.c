#include "sidecar/pool.h"

#include "sidecar/connection.h"
#include "sidecar/worker.h"

enum {
    LIMIT_LEAST_MS = 100,
    LIMIT_MOST_MS = 10 * 60 * 1000,
    SURPLUS_MS = 1000,
};

static bool is_usable(struct connection *c, uint64_t now, uint64_t trusted_ms)
{
    uint64_t idle = now - c->idle_since_ms;

    if (idle >= c->upstream->idle_limit_ms)
        return false;
    return idle < trusted_ms || socket_is_quiet(&c->socket);
}

struct connection *pool_lease(struct upstream *u, uint64_t now, uint64_t trusted_ms)
{
    struct list *first;

    while ((first = list_pop_front(&u->idle))) {
        struct connection *c = container_of(first, struct connection, idle);

        u->idle_count--;
        if (is_usable(c, now, trusted_ms))
            return c;
        connection_close(c);
    }
    return NULL;
}

static bool is_overfull(const struct upstream *u)
{
    return u->idle_count > u->service->policy->pool.idle;
}

uint64_t pool_idle_limit(const struct upstream *u)
{
    bool brief = !u->removed && is_overfull(u) && u->idle_limit_ms > SURPLUS_MS;

    return brief ? SURPLUS_MS : u->idle_limit_ms;
}

void pool_return(struct connection *c, uint64_t now)
{
    struct upstream *u = c->upstream;

    c->call = NULL;
    if (u->removed || u->service->policy->pool.idle == 0 || c->worker->closing) {
        connection_close(c);
        return;
    }
    c->idle_since_ms = now;
    u->idle_count++;
    list_push_front(&u->idle, &c->idle);
    if (is_overfull(u) || !timer_active(&c->timer))
        timer_start(&c->timer, &c->worker->loop.clock, pool_idle_limit(u));
}

void pool_forget(struct connection *c)
{
    if (list_empty(&c->idle))
        return;
    list_remove(&c->idle);
    c->upstream->idle_count--;
}

static uint64_t bounded(uint64_t ms)
{
    return ms < LIMIT_LEAST_MS ? LIMIT_LEAST_MS : ms > LIMIT_MOST_MS ? LIMIT_MOST_MS : ms;
}

void pool_learn_hint(struct upstream *u, struct slice keep_alive)
{
    while (keep_alive.base) {
        struct slice part = slice_next(&keep_alive, ',');
        size_t at = slice_find(part, '=');
        uint64_t seconds;

        if (slice_equals_nocase(slice_trim(slice_first(part, at)), SLICE("timeout")) &&
            slice_to_u64(slice_trim(slice_after(part, at + 1)), &seconds) &&
            seconds < 86400)
            u->idle_limit_ms =
                bounded(seconds > 1 ? seconds * 1000 - 1000 : seconds * 500);
    }
}

/* A tenth below what was seen; a quick end says little (a restart, say), so never below half a second. */
void pool_learn_end(struct upstream *u, uint64_t idle_ms)
{
    uint64_t limit = idle_ms - idle_ms / 10;

    if (limit >= 500 && limit < u->idle_limit_ms)
        u->idle_limit_ms = bounded(limit);
}

void pool_clear(struct upstream *u)
{
    while (!list_empty(&u->idle))
        connection_close(container_of(u->idle.next, struct connection, idle));
}
