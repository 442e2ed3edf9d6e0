#include "discovery/mdns_browse.h"

#include <stdlib.h>

void mdns_browse_fini(struct mdns_browse *b)
{
    map_each(at, &b->known) free(at->value);
    map_fini(&b->known);
}

struct mdns_known *mdns_browse_find(const struct mdns_browse *b, struct slice id)
{
    return map_get(&b->known, id);
}

static struct mdns_known *known_new(struct slice id)
{
    struct mdns_known *k = calloc(1, sizeof(*k) + id.size + 1);

    if (k)
        memcpy(k->id, id.base, id.size);
    return k;
}

enum err mdns_browse_put(struct mdns_browse *b, struct slice id, uint32_t fingerprint,
                         struct mdns_known **known)
{
    struct mdns_known *k = mdns_browse_find(b, id);
    enum err e;

    if (!k && b->known.count >= BROWSE_LIMIT)
        return ERR_TOO_LARGE;
    if (!k) {
        k = known_new(id);
        if (!k)
            return ERR_NO_MEMORY;
        e = map_put(&b->known, slice_of(k->id), k);
        if (e) {
            free(k);
            return e;
        }
    }
    k->fingerprint = fingerprint;
    *known = k;
    return ERR_OK;
}

void mdns_browse_heard(struct mdns_known *k, uint64_t now, uint32_t ttl_seconds)
{
    k->ttl_ms = (uint64_t)ttl_seconds * 1000;
    if (k->ttl_ms > BROWSE_TTL_LIMIT_MS)
        k->ttl_ms = BROWSE_TTL_LIMIT_MS;
    k->heard_at = now;
    k->expires = now + k->ttl_ms;
    k->heard = true;
    k->missed = 0;
}

void mdns_browse_doubt(struct mdns_known *k)
{
    k->missed = BROWSE_MISSES - 1;
}

bool mdns_browse_remove(struct mdns_browse *b, struct slice id)
{
    struct mdns_known *k = map_remove(&b->known, id);

    free(k);
    return k != NULL;
}

void mdns_browse_begin(struct mdns_browse *b)
{
    b->rounds++;
    map_each(at, &b->known)((struct mdns_known *)at->value)->heard = false;
}

enum { SWEEP = 64 };

static void drop(struct mdns_browse *b, struct mdns_known *k,
                 const struct mdns_browse_events *events, const char *reason)
{
    map_remove(&b->known, slice_of(k->id));
    events->gone(b, k->id, reason);
    free(k);
}

static bool is_missed(const struct mdns_known *k, uint64_t now)
{
    (void)now;
    return k->missed >= BROWSE_MISSES;
}

static bool is_expired(const struct mdns_known *k, uint64_t now)
{
    return k->expires <= now;
}

/* A map may not change while it is walked: gather some, drop them, walk again while there
 * were many. */
static void drop_all(struct mdns_browse *b,
                     bool (*is_over)(const struct mdns_known *k, uint64_t now),
                     uint64_t now, const struct mdns_browse_events *events,
                     const char *reason)
{
    struct mdns_known *over[SWEEP];
    unsigned count;

    do {
        count = 0;
        map_each(at, &b->known) if (count < SWEEP && is_over(at->value, now))
            over[count++] = at->value;
        for (unsigned i = 0; i < count; i++)
            drop(b, over[i], events, reason);
    } while (count == SWEEP);
}

/* Not heard of for a round that counts. */
static bool is_missing(const struct mdns_browse *b, const struct mdns_known *k,
                       uint64_t now)
{
    if (k->heard)
        return false;
    if (k->missed > 0)
        return true;
    return b->rounds > BROWSE_EARLY_ROUNDS && now - k->heard_at >= BROWSE_PATIENCE_MS;
}

void mdns_browse_end(struct mdns_browse *b, uint64_t now,
                     const struct mdns_browse_events *events)
{
    map_each(at, &b->known)
    {
        struct mdns_known *k = at->value;

        if (is_missing(b, k, now) && ++k->missed < BROWSE_MISSES)
            events->missed(b, k->id);
    }
    drop_all(b, is_missed, now, events, "it no longer answers");
}

uint64_t mdns_browse_expire(struct mdns_browse *b, uint64_t now,
                            const struct mdns_browse_events *events)
{
    uint64_t next = UINT64_MAX;

    drop_all(b, is_expired, now, events, "its TTL passed");
    map_each(at, &b->known)
    {
        const struct mdns_known *k = at->value;

        next = k->expires < next ? k->expires : next;
    }
    return next;
}

uint64_t mdns_browse_ttl(const struct mdns_browse *b)
{
    uint64_t shortest = UINT64_MAX;

    map_each(at, &b->known)
    {
        const struct mdns_known *k = at->value;

        shortest = k->ttl_ms < shortest ? k->ttl_ms : shortest;
    }
    return shortest;
}
