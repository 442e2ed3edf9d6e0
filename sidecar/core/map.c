#include "sidecar/core/map.h"

#include <stdlib.h>

#include "sidecar/core/random.h"

enum { SMALLEST_MAP = 8, LARGEST_MAP = 1 << 30 };

/* The one secret of this process. Threads may race to set it: the first one wins. */
static _Atomic uint64_t secret;

static __attribute__((noinline)) uint64_t secret_make(void)
{
    struct random r;
    uint64_t none = 0;

    random_init(&r, 0);
    __atomic_compare_exchange_n((uint64_t *)&secret, &none, r.state[0] | 1, false,
                                __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return none ? none : r.state[0] | 1;
}

static inline uint64_t rotated(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotated(v[1], 13) ^ v[0];
    v[0] = rotated(v[0], 32);
    v[2] += v[3];
    v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotated(v[1], 17) ^ v[2];
    v[2] = rotated(v[2], 32);
}

static inline uint64_t word_at(const char *base, size_t size)
{
    uint64_t word = 0;

    memcpy(&word, base, size);
    return word;
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
uint32_t hash_bytes(struct slice s)
{
    uint64_t key = __atomic_load_n((uint64_t *)&secret, __ATOMIC_RELAXED);
    uint64_t v[4] = {UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
                     UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573)};
    uint64_t length = (uint64_t)s.size << 56;

    key = key ? key : secret_make();
    for (unsigned i = 0; i < 4; i++)
        v[i] ^= i % 2 ? rotated(key, 32) : key;
    for (; s.size >= 8; s = slice_after(s, 8))
        sip_word(v, word_at(s.base, 8));
    sip_word(v, length | (s.size ? word_at(s.base, s.size) : 0));
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    v[0] ^= v[1] ^ v[2] ^ v[3];
    return (uint32_t)(v[0] ^ v[0] >> 32);
}

void map_fini(struct map *m)
{
    free(m->entries);
    *m = (struct map){0};
}

/* The key's entry, or the free one where it belongs. At least half of all are free. */
static struct map_entry *find(const struct map *m, struct slice key, uint32_t hash)
{
    uint32_t mask = m->capacity - 1;
    struct map_entry *e = &m->entries[hash & mask];

    while (e->key.base && (e->hash != hash || !slice_equals(e->key, key)))
        e = &m->entries[(uint32_t)(e - m->entries + 1) & mask];
    return e;
}

void *map_get(const struct map *m, struct slice key)
{
    return m->count ? find(m, key, hash_bytes(key))->value : NULL;
}

static enum err grow(struct map *m)
{
    struct map larger = {.capacity = m->capacity ? m->capacity * 2 : SMALLEST_MAP};

    if (m->capacity >= LARGEST_MAP)
        return ERR_NO_MEMORY;
    larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
    if (!larger.entries)
        return ERR_NO_MEMORY;
    larger.count = m->count;
    map_each(e, m) * find(&larger, e->key, e->hash) = *e;
    free(m->entries);
    *m = larger;
    return ERR_OK;
}

enum err map_put(struct map *m, struct slice key, void *value)
{
    uint32_t hash = hash_bytes(key);
    struct map_entry *e = m->capacity ? find(m, key, hash) : NULL;

    key.base = key.base ? key.base : "";
    if (e && e->key.base) {
        *e = (struct map_entry){key, hash, value};
        return ERR_OK;
    }
    if (m->count >= m->capacity / 2) {
        if (grow(m))
            return ERR_NO_MEMORY;
        e = find(m, key, hash);
    }
    *e = (struct map_entry){key, hash, value};
    m->count++;
    return ERR_OK;
}

/* Those behind a freed entry that were kept from their place by it move up: no
 * tombstones. */
static void close_gap(struct map *m, uint32_t gap)
{
    uint32_t mask = m->capacity - 1;

    for (uint32_t at = (gap + 1) & mask; m->entries[at].key.base; at = (at + 1) & mask) {
        uint32_t home = m->entries[at].hash & mask;

        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        m->entries[gap] = m->entries[at];
        gap = at;
    }
    m->entries[gap] = (struct map_entry){
        {NULL, 0},
        0, NULL
    };
}

void *map_remove(struct map *m, struct slice key)
{
    struct map_entry *e = m->count ? find(m, key, hash_bytes(key)) : NULL;
    void *value = e ? e->value : NULL;

    if (!e || !e->key.base)
        return NULL;
    close_gap(m, (uint32_t)(e - m->entries));
    m->count--;
    return value;
}
