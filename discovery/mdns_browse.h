/* mdns_browse.h - what is known under one question, and for how long. Pure: `now` is an
 * argument.
 *
 *   browse_begin > browse_heard ... > browse_end > (what was not heard: once missed,
 * asked for by name; twice missed, gone)  > browse_begin ...
 *
 * Remembers ids, not instances: those are the catalog's. Goodbyes, missed rounds and
 * passed TTLs take them out.
 */
#ifndef DISCOVERY_MDNS_BROWSE_H
#define DISCOVERY_MDNS_BROWSE_H

#include "sidecar/core/map.h"

enum {
    BROWSE_LIMIT = 20 * 1000,      /* ids of one question; more are not believed */
    BROWSE_PATIENCE_MS = 1000,     /* who was heard of since then did not miss a round */
    BROWSE_MISSES = 2,             /* rounds without a word, and it is gone */
    BROWSE_TTL_LIMIT_MS = 3600000, /* longer promises are cut */
    BROWSE_EARLY_ROUNDS = 3, /* the first ones, in quick succession, count no misses */
};

struct mdns_known {
    uint64_t heard_at; /* ms of the loop's clock */
    uint64_t expires;
    uint64_t ttl_ms;
    uint32_t fingerprint; /* of what was heard of it last */
    unsigned missed;
    bool heard; /* in this round */
    char id[];
};

struct mdns_browse {
    struct map known;
    unsigned rounds;
};

struct mdns_browse_events {
    /* It is forgotten when this returns. */
    void (*gone)(struct mdns_browse *b, const char *id, const char *reason);
    void (*missed)(struct mdns_browse *b, const char *id);
};

/* A zeroed browse is an empty one. */
void mdns_browse_fini(struct mdns_browse *b);
struct mdns_known *mdns_browse_find(const struct mdns_browse *b, struct slice id);
/* A new id, or one with other content. ERR_TOO_LARGE: there are too many. */
enum err mdns_browse_put(struct mdns_browse *b, struct slice id, uint32_t fingerprint,
                         struct mdns_known **known);
void mdns_browse_heard(struct mdns_known *k, uint64_t now, uint32_t ttl_seconds);
/* It goes unless it is heard in the next round. */
void mdns_browse_doubt(struct mdns_known *k);
/* Returns whether it was known. */
bool mdns_browse_remove(struct mdns_browse *b, struct slice id);

/* A question goes out. */
void mdns_browse_begin(struct mdns_browse *b);
/* Its answers had their time. */
void mdns_browse_end(struct mdns_browse *b, uint64_t now,
                     const struct mdns_browse_events *events);
/* Drops what is past its TTL; returns when the next one will be, UINT64_MAX: never. */
uint64_t mdns_browse_expire(struct mdns_browse *b, uint64_t now,
                            const struct mdns_browse_events *events);
/* The shortest TTL, in ms; UINT64_MAX when nothing is known. */
uint64_t mdns_browse_ttl(const struct mdns_browse *b);

#endif
