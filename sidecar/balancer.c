#include "sidecar/balancer.h"

#include "sidecar/core/logarithm.h"

/* Random looks before a balancer gives in and scans. */
enum { LOOKS = 6 };

bool balancer_usable(struct service *s, const struct exchange *x, uint32_t position,
                     enum pick_level level)
{
    const struct instance *i = &s->list->instances[position];
    struct upstream *u;

    if (i->draining)
        return false;
    if (level == PICK_ANY)
        return true;
    if (level == PICK_FRESH && exchange_tried(x, i->index))
        return false;
    u = service_peek(s, position);
    return !u || s->policy->outlier.rule.failures == 0 ||
           outlier_allows(&u->outlier, clock_now(s->clock));
}

/* A position in proportion to its weight. `at` is below the sum of all weights. */
static uint32_t position_of_weight(const struct service *s, uint64_t at)
{
    uint32_t low = 0, high = service_count(s) - 1;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->weights[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint32_t any_position(struct service *s)
{
    uint32_t count = service_count(s);

    if (!s->weights)
        return random_below(s->random, count);
    return position_of_weight(s, random_next(s->random) % s->weights[count - 1]);
}

/* The first usable one from `start` on, around the end, but not `except`. */
static uint32_t scan(struct service *s, const struct exchange *x, enum pick_level level,
                     uint32_t start, uint32_t except)
{
    uint32_t count = service_count(s);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t position = (start + i) % count;

        if (position != except && balancer_usable(s, x, position, level))
            return position;
    }
    return NO_POSITION;
}

static uint32_t random_usable(struct service *s, const struct exchange *x,
                              enum pick_level level, uint32_t except)
{
    uint32_t position = 0;

    for (int look = 0; look < LOOKS; look++) {
        position = any_position(s);
        if (position != except && balancer_usable(s, x, position, level))
            return position;
    }
    return scan(s, x, level, position, except);
}

static double load_in_flight(const struct service *s, uint32_t position)
{
    const struct upstream *u = service_peek(s, position);

    return ((u ? u->in_flight : 0) + 1.0) / s->list->instances[position].weight;
}

static double load_ewma(const struct service *s, uint32_t position)
{
    const struct upstream *u = service_peek(s, position);

    return load_in_flight(s, position) * (u ? u->ewma_us + 1 : 1);
}

/* Two at random, the less loaded wins (Mitzenmacher's power of two choices). */
static uint32_t pick_two(struct service *s, const struct exchange *x,
                         enum pick_level level,
                         double (*load)(const struct service *, uint32_t))
{
    uint32_t a, b;

    if (service_count(s) == 1)
        return balancer_usable(s, x, 0, level) ? 0 : NO_POSITION;
    a = random_usable(s, x, level, NO_POSITION);
    if (a == NO_POSITION)
        return NO_POSITION;
    b = random_usable(s, x, level, a);
    return b != NO_POSITION && load(s, b) < load(s, a) ? b : a;
}

static uint32_t pick_p2c(struct service *s, const struct exchange *x,
                         enum pick_level level)
{
    return pick_two(s, x, level, load_in_flight);
}

static uint32_t pick_ewma(struct service *s, const struct exchange *x,
                          enum pick_level level)
{
    return pick_two(s, x, level, load_ewma);
}

static uint32_t pick_random(struct service *s, const struct exchange *x,
                            enum pick_level level)
{
    return random_usable(s, x, level, NO_POSITION);
}

/* Weighted turns are spread by the golden ratio: in proportion, and never in bursts. */
static uint32_t pick_round_robin(struct service *s, const struct exchange *x,
                                 enum pick_level level)
{
    uint32_t count = service_count(s), turn = s->turn++;
    uint64_t all;

    if (!s->weights)
        return scan(s, x, level, turn % count, NO_POSITION);
    all = s->weights[count - 1];
    return scan(s, x, level,
                position_of_weight(s, (uint64_t)(turn * 2654435769U) * all >> 32),
                NO_POSITION);
}

uint32_t balancer_hash(struct slice key)
{
    uint64_t h = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < key.size; i++)
        h = (h ^ (unsigned char)key.base[i]) * 0x100000001b3ULL;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    return (uint32_t)(h ^ h >> 32);
}

/* Rendezvous hashing (Thaler and Ravishankar): the key's highest score wins, so that a change of the list
 * moves only the keys of what came or went. -w/ln(u) gives each instance its weight's share. */
static double score(const struct service *s, uint32_t position, uint32_t key)
{
    const struct instance *i = &s->list->instances[position];
    uint64_t h = balancer_hash(slice_of(i->id)) ^ (uint64_t)key << 32;

    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 33;
    return -(double)i->weight / logarithm(((double)(h >> 11) + 0.5) / 9007199254740992.0);
}

static uint32_t pick_hash(struct service *s, const struct exchange *x,
                          enum pick_level level)
{
    uint32_t best = NO_POSITION;
    double best_score = 0;

    if (!x->has_hash)
        return pick_p2c(s, x, level);
    for (uint32_t i = 0; i < service_count(s); i++) {
        double own = balancer_usable(s, x, i, level) ? score(s, i, x->hash) : -1;

        if (own > best_score) {
            best = i;
            best_score = own;
        }
    }
    return best;
}

static const struct balancer_ops balancers[] = {
    [BALANCER_P2C] = {"p2c",         pick_p2c        },
    [BALANCER_EWMA] = {"ewma",        pick_ewma       },
    [BALANCER_ROUND_ROBIN] = {"round_robin", pick_round_robin},
    [BALANCER_RANDOM] = {"random",      pick_random     },
    [BALANCER_HASH] = {"hash",        pick_hash       },
};

const struct balancer_ops *balancer_of(int kind)
{
    return &balancers[kind];
}

/* Below `panic` percent healthy, ejections no longer count: sending everything to the few would fell them. */
static bool is_panic(struct service *s)
{
    uint32_t count = service_count(s), ejected = service_ejected(s);

    return ejected &&
           (uint64_t)(count - ejected) * 100 < (uint64_t)count * s->policy->panic;
}

uint32_t balancer_pick(struct service *s, const struct exchange *x)
{
    uint32_t position = NO_POSITION;

    if (s->ejected && x->tried_count == 0 && is_panic(s))
        return s->balancer->pick(s, x, PICK_ANY);
    for (enum pick_level level = PICK_FRESH;
         level < PICK_LEVELS && position == NO_POSITION; level++)
        position = s->balancer->pick(s, x, level);
    return position;
}

uint32_t balancer_find(const struct service *s, struct slice id)
{
    for (uint32_t i = 0; i < service_count(s); i++)
        if (slice_is(id, s->list->instances[i].id))
            return i;
    return NO_POSITION;
}
